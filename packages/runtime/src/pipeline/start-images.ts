// Where the images of a run start: from noise, or from a picture with noise of the first timestep; and what of the
// picture is kept.

import type {
  NoiseGenerator,
  Scheduler,
  SchedulerState,
} from "@phaseskip/scheduler";
import { generator } from "@phaseskip/scheduler";
import { imageArray, maskArray } from "../picture/input-picture.js";
import type { Model } from "./model.js";
import { strengthOf } from "./plan-run.js";
import type { PlannedRun } from "./planned-run.js";
import type { Request } from "./request.js";

/** One image on its way. */
export interface ImageState {
  sample: Float32Array<ArrayBuffer>;
  /** The sample before the first step. */
  readonly start: Float32Array<ArrayBuffer>;
  state: SchedulerState;
  predOriginalSample: Float32Array<ArrayBuffer>;
  readonly noise: NoiseGenerator;
  /** What a mask keeps. */
  readonly kept: KeptPart | undefined;
}

/** The part of a sample that is not drawn anew. */
interface KeptPart {
  /** The clean sample. */
  readonly original: Float32Array;
  /** Standard normal, the same at every timestep. */
  readonly noise: Float32Array;
  /** 1 where the image is drawn anew, else 0; `[height, width]`. */
  readonly mask: Float32Array;
}

/**
 * Makes the images' first samples, as diffusers' pipelines do (0.42.1): image to image as
 * pipeline_stable_diffusion_img2img.py, with a mask as pipeline_stable_diffusion_inpaint.py for Unets of 4 channels.
 * @param isTiled whether the image goes through the VAE in tiles
 * @throws {RangeError} If noise or image do not fit the model
 * @throws {PhaseskipError} `model-unsupported` If the image needs a VAE's encoder that the folder lacks
 */
export async function startImages(
  model: Model,
  { scheduler, startIndex, shape }: PlannedRun,
  request: Request,
  isTiled: boolean,
  signal?: AbortSignal,
): Promise<ImageState[]> {
  const { seed, initNoise, image, mask: picture } = request;
  const [count, channels, height, width] = shape;
  const length = channels * height * width;
  if (initNoise && initNoise.length !== count * length) {
    throw new RangeError(
      `Cannot generate ${count} images as initNoise must hold ${count * length} values, [${shape.join(", ")}]: it holds ${initNoise.length}`,
    );
  }
  const clean = image && imageArray(image, model.index.hasVae ? 3 : channels);
  const original = clean && (await model.encode(clean, isTiled, signal)).data;
  const mask = picture && maskArray(picture, height, width);
  const isPureNoise =
    !image || (mask && strengthOf(model.index, request) === 1);
  return Array.from({ length: count }, (_, i) => {
    const random = generator(seed + i);
    const noise = initNoise
      ? initNoise.slice(i * length, (i + 1) * length)
      : random.randn(length);
    const sample =
      original && !isPureNoise
        ? scheduler.addNoise(original, noise, startIndex)
        : noise.map((value) => value * scheduler.initNoiseSigma);
    return {
      sample,
      start: sample,
      predOriginalSample: sample,
      state: scheduler.initialState(),
      noise: random,
      kept: original && mask && { original, noise, mask },
    };
  });
}

/**
 * Puts what is kept back into an image's sample and estimate.
 * @param stepIndex that of the next step, in the scheduler's timesteps: beyond them after the last one
 */
export function restoreKept(
  image: ImageState,
  scheduler: Scheduler,
  stepIndex: number,
): void {
  if (!image.kept) return;
  const { original, noise, mask } = image.kept;
  const known =
    stepIndex < scheduler.timesteps.length
      ? scheduler.addNoise(original, noise, stepIndex)
      : original;
  const paste = (onto: Float32Array<ArrayBuffer>, from: Float32Array) =>
    onto.map((value, i) => (mask[i % mask.length] === 1 ? value : from[i]!));
  image.sample = paste(image.sample, known);
  image.predOriginalSample = paste(image.predOriginalSample, original);
}
