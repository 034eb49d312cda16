// Which text a context is told.

import type { ModelIndex } from "../folder/model-index.js";
import type { Context } from "../plan/plan.js";
import type { Request } from "./request.js";

/** A context's text for one prompt. */
export interface ContextText {
  readonly text: string;
  /** What it is called in warnings. */
  readonly what: "prompt" | "negative prompt";
  /** Whether zeros stand in for what the encoders make of it. */
  readonly isZero: boolean;
}

/**
 * The text of a context, as diffusers' pipelines choose it (0.42.1).
 * @returns undefined without a prompt
 */
export function contextText(
  index: Pick<ModelIndex, "hasTextEncoder2" | "forceZerosForEmptyPrompt">,
  { prompts, negativePrompts }: Pick<Request, "prompts" | "negativePrompts">,
  context: Context,
  i: number,
): ContextText | undefined {
  const prompt = prompts?.[i];
  if (prompt === undefined) return undefined;
  const negative = negativePrompts?.[i];
  const isZero =
    context === "uncond" &&
    negative === undefined &&
    index.hasTextEncoder2 &&
    index.forceZerosForEmptyPrompt;
  return context === "cond" || isZero
    ? { text: prompt, what: "prompt", isZero }
    : { text: negative ?? "", what: "negative prompt", isZero };
}
