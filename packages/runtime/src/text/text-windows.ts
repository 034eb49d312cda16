// A text as windows of the text encoder's length, each with its own start and end, and what each token counts.
// Follows diffusers 0.42.1, examples/community/lpw_stable_diffusion.py, with its `no_boseos_middle` off.

import type { EncodedText, Tokenizer } from "./create-tokenizer.js";
import { weightedText } from "./weighted-text.js";

/** How a prompt is read; `"plain"`: as diffusers' own pipelines do. */
export type PromptStyle = "weighted" | "plain";

/** How many windows of which style a text is read as. */
export interface TextReading {
  /** Windows of the text encoder's length; what does not fit is cut off, where the text is short they stay empty. */
  readonly windows: number;
  /** Whether brackets are weights. */
  readonly style: PromptStyle;
}

/** A text in windows. */
export interface TextWindows extends Omit<EncodedText, "ids"> {
  /** The ids of each window. */
  readonly windows: readonly (readonly number[])[];
  /** What each token of all windows counts; undefined where all count 1. */
  readonly weights: Float32Array | undefined;
}

/** Windows that a text needs. */
export function windowsOf(tokenizer: Tokenizer, text: string): number {
  const { length } = weightedTokens(tokenizer, text).tokens;
  return Math.max(1, Math.ceil(length / tokenizer.contentLength));
}

/** Reads a text as a number of windows. */
export function textWindows(
  tokenizer: Tokenizer,
  text: string,
  { windows: count, style }: TextReading,
): TextWindows {
  const { contentLength: length, modelMaxLength } = tokenizer;
  const read = style === "plain" ? undefined : weightedTokens(tokenizer, text);
  const isWeighted = read?.weights.some((weight) => weight !== 1) ?? false;
  if (count === 1 && !isWeighted && read?.isVerbatim !== false) {
    const { ids, ...rest } = tokenizer.encode(text);
    return { windows: [ids], weights: undefined, ...rest };
  }
  const { tokens, unknown } = read ?? tokenizer.tokenize(text);
  const weights = new Float32Array(count * modelMaxLength).fill(1);
  const windows = Array.from({ length: count }, (_, window) => {
    const from = window * length;
    const { ids, start } = tokenizer.fill(tokens.slice(from, from + length));
    const own = read?.weights.slice(from, from + length) ?? [];
    weights.set(own, window * modelMaxLength + start);
    return ids;
  });
  return {
    windows,
    weights: isWeighted ? weights : undefined,
    unknown,
    truncated: Math.max(0, tokens.length - count * length),
  };
}

/** A text's tokens, each with its weight. */
function weightedTokens(tokenizer: Tokenizer, text: string) {
  const parts = weightedText(text);
  const tokens: string[] = [];
  const weights: number[] = [];
  const unknown = new Set<string>();
  for (const part of parts) {
    const read = tokenizer.tokenize(part.text);
    tokens.push(...read.tokens);
    weights.push(...read.tokens.map(() => part.weight));
    for (const word of read.unknown) unknown.add(word);
  }
  const isVerbatim = parts.map((part) => part.text).join("") === text;
  return { tokens, weights, unknown: [...unknown], isVerbatim };
}
