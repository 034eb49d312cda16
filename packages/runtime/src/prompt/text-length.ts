// How many tokens the Unet is told of every text of a run.

import type { Graph } from "@phaseskip/graph";
import type { TextRequest } from "./text-options.js";

/** What is known of a model that reads texts. */
export interface TextReader {
  /** The Unet's graph. */
  readonly unetGraph: Graph;
  /** Tokens of one window; undefined without a tokenizer. */
  readonly textTokens: number | undefined;
  /** Windows that a text needs; missing where no text is read. */
  readonly textWindows?: (text: string) => number;
}

/**
 * Tokens of every text: those of one window, as often as the longest text needs; or those of the embeddings that are given.
 * @returns undefined without a tokenizer or embeddings
 * @throws {RangeError} If embeddings have another number of tokens than what they go beside
 */
export function textLength(
  model: TextReader,
  request: TextRequest,
): number | undefined {
  const { promptEmbeds, negativePromptEmbeds } = request;
  const given = promptEmbeds?.shape[1];
  const negative = negativePromptEmbeds?.shape[1];
  const length = given ?? windowedLength(model, request);
  if (negative !== undefined && negative !== length) {
    throw new RangeError(
      `Cannot generate an image as negativePromptEmbeds must have as many tokens as the prompt's, ${length}: current number is ${negative}`,
    );
  }
  const { textTokens } = model;
  if (
    given !== undefined &&
    negative === undefined &&
    textTokens !== undefined &&
    given % textTokens !== 0
  ) {
    throw new RangeError(
      `Cannot generate an image as promptEmbeds must have a multiple of the text encoder's ${textTokens} tokens where negativePromptEmbeds is missing: current number is ${given}`,
    );
  }
  return length;
}

function windowedLength(
  { unetGraph, textTokens, textWindows }: TextReader,
  request: TextRequest,
): number | undefined {
  if (textTokens === undefined || !textWindows) return textTokens;
  if (request.promptStyle !== "weighted" || !takesAnyLength(unetGraph))
    return textTokens;
  const texts = [
    ...[request.prompts, request.negativePrompts],
    ...[request.prompts2, request.negativePrompts2],
  ].flatMap((list) => list ?? []);
  return textTokens * Math.max(1, ...texts.map(textWindows));
}

/** Whether an export leaves the number of tokens open. */
function takesAnyLength({ inputs }: Graph): boolean {
  const text = inputs.find(({ name }) => name === "encoder_hidden_states");
  return typeof text?.dims?.[1] !== "number";
}
