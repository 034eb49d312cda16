// A file of prompts.

import { readInput } from "./file.js";

/**
 * The texts of a file, one a line; empty lines and lines that begin with # are no prompts.
 * @param doing what they are read for, for messages
 * @throws {RangeError} If the file cannot be read, or holds none
 */
export async function readPrompts(
  path: string,
  doing: string,
): Promise<string[]> {
  const text = new TextDecoder().decode(await readInput("the prompts", path));
  const prompts = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  if (prompts.length > 0) return prompts;
  throw new RangeError(
    `Cannot ${doing} the prompts of ${path} as it must hold at least one line of text: it holds none`,
  );
}
