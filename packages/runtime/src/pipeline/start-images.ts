// Where the images of a run start: from noise, or from a picture with noise of the first timestep; and what of the
// picture is kept.

import type {
  NoiseGenerator,
  Scheduler,
  SchedulerState,
} from "@phaseskip/scheduler";
import { generator } from "@phaseskip/scheduler";
import type { SampleChannels } from "../inputs/sample-channel.js";
import { drawLatent } from "../picture/latent.js";
import type { Context } from "../plan/plan.js";
import { contexts } from "../plan/plan.js";
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
  /** What contexts read in channels behind the sample's, `[channel, height, width]`; none where the Unet reads none. */
  readonly beside: Readonly<Partial<Record<Context, Float32Array>>>;
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
  { scheduler, startIndex, shape, channels: beside }: PlannedRun,
  request: Request,
  isTiled: boolean,
  signal?: AbortSignal,
): Promise<ImageState[]> {
  const { seed, initNoise, image, mask: picture, denoisingStart } = request;
  const [count, channels, height, width] = shape;
  const length = channels * height * width;
  if (initNoise && initNoise.length !== count * length) {
    throw new RangeError(
      `Cannot generate ${count} images as initNoise must hold ${count * length} values, [${shape.join(", ")}]: it holds ${initNoise.length}`,
    );
  }
  const isStart = image !== undefined && (beside?.isStart ?? true);
  const pictures =
    picture || isStart
      ? await import("../picture/input-picture.js")
      : undefined;
  const mask = picture && pictures!.maskArray(picture, height, width);
  const given = givenLatents(request, shape);
  const isNoisy = denoisingStart !== undefined;
  const isPureNoise =
    !(isStart || given) ||
    (mask && !isNoisy && strengthOf(model.index, request) === 1);
  const pixels = isStart
    ? pictures!.imageArray(image, model.index.hasVae ? 3 : channels)
    : undefined;
  const isKept = mask !== undefined && !beside;
  const latents =
    pixels && (isKept || !isPureNoise)
      ? await model.encode(pixels, isTiled, signal)
      : undefined;
  const { scalingFactor, lowResScheduler } = model.index;
  const drawBeside =
    image &&
    (await beside?.value({
      ...{ request, image, mask: picture, height, width },
      ...{ scalingFactor, lowResScheduler },
      encode: (one) => model.encode(one, isTiled, signal),
    }));
  return Array.from({ length: count }, (_, i) => {
    const random = generator(seed + i);
    const draw = () => besideBy(beside, drawBeside?.(random));
    const first = beside?.drawsFirst ? draw() : undefined;
    const original =
      given?.(i) ?? (latents && drawLatent(latents, random, scalingFactor));
    const isReady = original !== undefined && isNoisy;
    const noise = initNoise
      ? initNoise.slice(i * length, (i + 1) * length)
      : isReady && !mask
        ? new Float32Array(length)
        : random.randn(length);
    const sample = isReady
      ? original
      : original && !isPureNoise
        ? scheduler.addNoise(original, noise, startIndex)
        : noise.map((value) => value * scheduler.initNoiseSigma);
    // diffusers also draws a latent of the image without what is masked, for Unets that do not read it, too
    if (isKept && latents?.deviation) random.randn(length);
    return {
      sample,
      start: sample,
      predOriginalSample: sample,
      state: scheduler.initialState(),
      noise: random,
      beside: first ?? draw(),
      kept: original && isKept ? { original, noise, mask } : undefined,
    };
  });
}

/**
 * The samples that a request starts from in place of a picture, by picture; undefined where it names none.
 * @throws {RangeError} If they have not the run's shape
 */
function givenLatents(
  { latents }: Pick<Request, "latents">,
  [count, ...dims]: PlannedRun["shape"],
): ((i: number) => Float32Array<ArrayBuffer>) | undefined {
  if (!latents) return undefined;
  const { data, shape } = latents;
  const [given = 0, ...own] = shape;
  if (own.join() !== dims.join() || (given !== count && given !== 1)) {
    const wanted = count === 1 ? "1" : `1 or ${count}`;
    throw new RangeError(
      `Cannot generate ${count} images as latents must be of shape [${wanted}, ${dims.join(", ")}]: their shape is [${shape.join(", ")}]`,
    );
  }
  const length = data.length / given;
  return (i) => {
    const from = (given === 1 ? 0 : i) * length;
    return data.slice(from, from + length);
  };
}

/** What contexts read behind the sample's channels; zeros where the Unet's kind does not name them. */
function besideBy(
  channels: SampleChannels | undefined,
  value: Float32Array | undefined,
): ImageState["beside"] {
  if (!channels || !value) return {};
  const zeros = new Float32Array(value.length);
  return Object.fromEntries(
    contexts.map((context) => [
      context,
      channels.contexts.includes(context) ? value : zeros,
    ]),
  );
}

/**
 * Puts what is kept back into an image's sample and estimate.
 * @param stepIndex that of the next step, in the scheduler's timesteps
 * @param endIndex that behind the run's last step; from there on what is kept has no noise, also where another model goes on
 */
export function restoreKept(
  image: ImageState,
  scheduler: Scheduler,
  stepIndex: number,
  endIndex: number,
): void {
  if (!image.kept) return;
  const { original, noise, mask } = image.kept;
  const known =
    stepIndex < endIndex
      ? scheduler.addNoise(original, noise, stepIndex)
      : original;
  const paste = (onto: Float32Array<ArrayBuffer>, from: Float32Array) =>
    onto.map((value, i) => (mask[i % mask.length] === 1 ? value : from[i]!));
  image.sample = paste(image.sample, known);
  image.predOriginalSample = paste(image.predOriginalSample, original);
}
