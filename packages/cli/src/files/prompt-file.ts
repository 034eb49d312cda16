// A file of prompts.

import { readInput } from "./file.js";

/**
 * The texts of a file, one a line; empty lines and lines that begin with # are no prompts.
 * @param doing what they are read for, for messages
 * @throws {RangeError} If the file cannot be read, is no text, or holds none or one of them twice
 */
export async function readPrompts(
  path: string,
  doing: string,
): Promise<string[]> {
  const fail = (reason: string) =>
    new RangeError(`Cannot ${doing} the prompts of ${path} as ${reason}`);
  const text = textOf(await readInput("the prompts", path));
  if (text === undefined)
    throw fail("it must be text in UTF-8: it holds other bytes");
  const lines = new Map<string, number>();
  for (const [i, line] of text.split("\n").entries()) {
    const prompt = line.trim();
    if (prompt === "" || prompt.startsWith("#")) continue;
    const before = lines.get(prompt);
    if (before !== undefined) {
      // the same pictures again would count as further evidence
      throw fail(
        `each must be there once: lines ${before} and ${i + 1} are both ${JSON.stringify(prompt)}`,
      );
    }
    lines.set(prompt, i + 1);
  }
  if (lines.size === 0)
    throw fail("it must hold at least one line of text: it holds none");
  return [...lines.keys()];
}

/** Undefined for what is no text: not UTF-8, or with characters that only control. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return /[\0-\x08\x0e-\x1f\x7f]/.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}
