// The sizes that Stable Diffusion XL is told, and what its refiner is told in place of the last one.

import type { InputRequest } from "./input-options.js";
import type { InputGiven } from "./run-input.js";

/** Numbers that the refiner's Unet takes: two sizes, a score. */
const REFINER_IDS = 5;

type Pair = readonly [number, number];

/**
 * Original height and width, top and left of the part, target height and width, all in pixels; of the refiner, whose
 * Unet takes five numbers, the aesthetic score in place of the target. The negative prompt has its own where they are
 * given (diffusers 0.42.1, pipelines/stable_diffusion_xl/pipeline_stable_diffusion_xl.py and
 * pipeline_stable_diffusion_xl_img2img.py; the latter takes the prompt's part for the negative prompt, too).
 */
export function timeIds({
  request,
  context,
  pictureSize,
  isFromImage,
  length,
}: Pick<
  InputGiven,
  "request" | "context" | "pictureSize" | "isFromImage" | "length"
>): Float32Array {
  const {
    originalSize = pictureSize,
    cropsCoordsTopLeft = [0, 0],
    targetSize = pictureSize,
    negativeOriginalSize: negative,
    negativeTargetSize = targetSize,
    aestheticScore = 6,
    negativeAestheticScore = 2.5,
  } = request;
  const isRefiner = length === REFINER_IDS;
  if (context === "cond") {
    const last = isRefiner ? [aestheticScore] : targetSize;
    return Float32Array.from([...originalSize, ...cropsCoordsTopLeft, ...last]);
  }
  const unsaid: Pair =
    !isRefiner && (isFromImage || !negative) ? cropsCoordsTopLeft : [0, 0];
  return Float32Array.from([
    ...(negative ?? originalSize),
    ...(request.negativeCropsCoordsTopLeft ?? unsaid),
    ...(isRefiner ? [negativeAestheticScore] : negativeTargetSize),
  ]);
}

/**
 * Checks that a Unet reads the sizes and scores that a call gives.
 * @param length numbers of `time_ids` that it takes for one image; undefined where it has no such input
 * @throws {TypeError} If it does not
 */
export function checkTimeIds(
  length: number | undefined,
  request: InputRequest,
): void {
  const refuse = (names: readonly (keyof InputRequest)[], whose: string) => {
    const name = names.find((one) => request[one] !== undefined);
    if (name === undefined) return;
    throw new TypeError(
      `Cannot generate an image as ${name} is read by ${whose} alone; leave it out`,
    );
  };
  if (length !== REFINER_IDS)
    refuse(
      ["aestheticScore", "negativeAestheticScore"],
      "the refiner of Stable Diffusion XL",
    );
  if (length === undefined)
    refuse(
      [
        ...(["originalSize", "cropsCoordsTopLeft", "targetSize"] as const),
        ...(["negativeOriginalSize", "negativeTargetSize"] as const),
      ],
      "Stable Diffusion XL",
    );
}
