// Which chunks of a run are told the same texts: what depends on the text alone is computed once for them.

import type { ModelIndex } from "../folder/model-index.js";
import type { Context } from "../plan/plan.js";
import { contextText } from "../prompt/context-text.js";
import type { Request } from "./request.js";
import { imageCount } from "../prompt/picture-count.js";
import type { TextRequest } from "../prompt/text-options.js";

/**
 * For each chunk, the first chunk that is told the same.
 * @param contexts those that go through the Unet in one call: one, or both
 * @param rows images of one chunk; the last image fills up the last chunk
 */
export function textChunks(
  index: ModelIndex,
  request: TextRequest & Pick<Request, "numImagesPerPrompt" | "classLabel">,
  contexts: readonly Context[],
  rows: number,
): number[] {
  const count = imageCount(request);
  const { classLabel, numImagesPerPrompt } = request;
  const told = (image: number) =>
    contexts.map((context) => {
      const i = Math.floor(image / numImagesPerPrompt);
      const label = typeof classLabel === "object" ? classLabel[i] : null;
      return [contextText(index, request, context, i)?.key ?? null, label];
    });
  const chunks = Array.from({ length: Math.ceil(count / rows) }, (_, chunk) =>
    JSON.stringify(
      Array.from({ length: rows }, (_, i) =>
        told(Math.min(chunk * rows + i, count - 1)),
      ),
    ),
  );
  return chunks.map((texts) => chunks.indexOf(texts));
}

/** How often a context's text is gone through: once for all chunks that are told the same; half a time each for a pair. */
export type TextRuns = Readonly<Record<Context, number>>;

/** Counts them for both contexts, which may go through the Unet in one call. */
export function textRuns(
  index: ModelIndex,
  request: Parameters<typeof textChunks>[1],
  rows: number,
  isPaired: boolean,
): TextRuns {
  const runs = (...contexts: Context[]) =>
    new Set(textChunks(index, request, contexts, rows)).size;
  const each = { cond: runs("cond"), uncond: runs("uncond") };
  if (!isPaired) return { ...each, image: each.uncond };
  const half = runs("cond", "uncond") / 2;
  return { cond: half, uncond: half, image: half };
}
