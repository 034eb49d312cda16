// What a context is told: a text, or what the caller made of one.

import type { ModelIndex } from "../folder/model-index.js";
import type { Context } from "../plan/plan.js";
import type { Embeddings, TextRequest } from "./text-options.js";

/** What a context is told for one prompt. */
export interface ContextText {
  /** Equal where the same is told. */
  readonly key: string;
  /** For the text encoder. */
  readonly text: string;
  /** For the second text encoder. */
  readonly text2: string;
  /** What it is called in warnings. */
  readonly what: "prompt" | "negative prompt";
  /** Whether zeros stand in for what the encoders make of it. */
  readonly isZero: boolean;
  /** What stands in for it, of all prompts. */
  readonly embeds: ContextEmbeds | undefined;
}

/** What the Unet is told in place of a text. */
export interface ContextEmbeds {
  /** `[prompt, token, width]` */
  readonly hidden: Embeddings;
  /** `[prompt, width]`, for a Unet that takes it. */
  readonly pooled: Embeddings | undefined;
}

/**
 * What a context is told, as diffusers' pipelines choose it (0.42.1).
 * @returns undefined where the request has neither a prompt nor embeddings
 */
export function contextText(
  index: Pick<ModelIndex, "hasTextEncoder2" | "forceZerosForEmptyPrompt">,
  request: TextRequest,
  context: Context,
  i: number,
): ContextText | undefined {
  const { prompts, promptEmbeds, negativePrompts } = request;
  if (!prompts && !promptEmbeds) return undefined;
  const own = contextEmbeds(request, context);
  const negative = negativePrompts?.[i];
  const isZero =
    context !== "cond" &&
    negative === undefined &&
    !own &&
    index.hasTextEncoder2 &&
    index.forceZerosForEmptyPrompt;
  const isCond = context === "cond";
  const embeds = isZero ? contextEmbeds(request, "cond") : own;
  const text = (isCond || isZero ? prompts?.[i] : negative) ?? "";
  const other =
    isCond || isZero ? request.prompts2?.[i] : request.negativePrompts2?.[i];
  const text2 = other ?? text;
  return {
    key: isZero
      ? "0"
      : embeds
        ? `${context} ${i}`
        : JSON.stringify([text, text2]),
    text,
    text2,
    what: isCond || isZero ? "prompt" : "negative prompt",
    isZero,
    embeds,
  };
}

function contextEmbeds(
  request: TextRequest,
  context: Context,
): ContextEmbeds | undefined {
  const [hidden, pooled] =
    context === "cond"
      ? [request.promptEmbeds, request.pooledPromptEmbeds]
      : [request.negativePromptEmbeds, request.negativePooledPromptEmbeds];
  return hidden && { hidden, pooled };
}
