// From a request to the picture on an element, step by step.

import type { Generated, Pipeline } from "../pipeline.js";
import type { DenoiseOptions } from "../pipeline/request.js";
import type { RunStep } from "../pipeline/run.js";
import type { ImageView } from "./image-view.js";

/** Draws a request: previews as they come, and the picture. */
export async function drawImage(
  view: ImageView,
  pipeline: Pipeline,
  request: DenoiseOptions & { readonly signal: AbortSignal },
  onStep: (step: RunStep) => void,
): Promise<Generated> {
  const steps = pipeline.denoise(request);
  for (;;) {
    const { done, value } = await steps.next();
    if (done) {
      view.draw(value.images[0]!);
      return value;
    }
    if (value.preview) view.draw(value.preview[0]!);
    onStep(value);
  }
}
