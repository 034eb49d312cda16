// Which chunks of a run are told the same texts: what depends on the text alone is computed once for them.

import type { ModelIndex } from "../folder/model-index.js";
import type { Context } from "../plan/plan.js";
import { contextText } from "./context-text.js";
import type { Request } from "./request.js";
import { imageCount } from "./request.js";

/**
 * For each chunk of a context, the first chunk that is told the same.
 * @param batch images of one chunk; the last image fills up the last chunk
 */
export function textChunks(
  index: ModelIndex,
  request: Pick<Request, "prompts" | "negativePrompts" | "numImagesPerPrompt">,
  context: Context,
  batch: number,
): number[] {
  const count = imageCount(request);
  const told = (image: number) => {
    const i = Math.floor(image / request.numImagesPerPrompt);
    const text = contextText(index, request, context, i);
    return text?.isZero ? undefined : text?.text;
  };
  const chunks = Array.from({ length: Math.ceil(count / batch) }, (_, chunk) =>
    JSON.stringify(
      Array.from(
        { length: batch },
        (_, i) => told(Math.min(chunk * batch + i, count - 1)) ?? null,
      ),
    ),
  );
  return chunks.map((texts) => chunks.indexOf(texts));
}

/** How often a context's text is gone through: once for all chunks that are told the same. */
export type TextRuns = Readonly<Record<Context, number>>;

/** Counts them for both contexts. */
export function textRuns(
  index: ModelIndex,
  request: Parameters<typeof textChunks>[1],
  batch: number,
): TextRuns {
  const runs = (context: Context) =>
    new Set(textChunks(index, request, context, batch)).size;
  return { cond: runs("cond"), uncond: runs("uncond") };
}
