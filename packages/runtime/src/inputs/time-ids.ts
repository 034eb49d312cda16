// The sizes that Stable Diffusion XL is told.

import type { InputGiven } from "./run-input.js";

/**
 * Original height and width, top and left of the part, target height and width, all in pixels; the negative prompt has
 * its own where they are given (diffusers 0.42.1, pipelines/stable_diffusion_xl/pipeline_stable_diffusion_xl.py).
 */
export function timeIds({
  request,
  context,
  pictureSize,
}: Pick<InputGiven, "request" | "context" | "pictureSize">): Float32Array {
  const isOwn = context !== "cond" && request.negativeOriginalSize;
  const [original, crop, target] = isOwn
    ? [
        request.negativeOriginalSize,
        request.negativeCropsCoordsTopLeft,
        request.negativeTargetSize,
      ]
    : [request.originalSize, request.cropsCoordsTopLeft, request.targetSize];
  return Float32Array.from([
    ...(original ?? pictureSize),
    ...(crop ?? [0, 0]),
    ...(target ?? pictureSize),
  ]);
}
