// From a request to everything that a run needs before its first step.

import { checkTensorSizes, mayBeLarge } from "../device/device-fit.js";
import { breathe } from "../device/macrotask.js";
import type * as LearnedVariance from "../guidance/learned-variance.js";
import type { Context } from "../plan/plan.js";
import { channelsBeside, checkChannels } from "../inputs/sample-channels.js";
import type { UnetStream } from "../unet/stream.js";
import type { Conditioning, RunConditioning } from "./conditioning.js";
import { conditionRun } from "./conditioning.js";
import type { Model } from "./model.js";
import type { PlannedRun } from "./planned-run.js";
import { planRun } from "./plan-run.js";
import type { Request } from "./request.js";
import type { ImageState } from "./start-images.js";
import { startImages } from "./start-images.js";
import { textChunks } from "./text-chunks.js";

/** Images that go through the Unet together, with a stream for each context. */
export interface Chunk {
  readonly images: readonly ImageState[];
  readonly streams: Partial<Record<Context, UnetStream>>;
  /** What contexts read in channels behind the samples', `[row, channel, height, width]`. */
  readonly beside: Readonly<Partial<Record<Context, Float32Array>>>;
}

/** A run that is ready. */
export interface RunSetup extends PlannedRun {
  readonly chunks: readonly Chunk[];
  /** Whether pictures go through the VAE in tiles. */
  readonly isTiled: boolean;
  /** What takes the halves of a Unet's output apart, where it gives a variance. */
  readonly variance: typeof LearnedVariance | undefined;
}

/**
 * Checks the request against the model, schedules its plan, makes the sessions and embeds the texts.
 * @throws {TypeError | RangeError} If the model does not take what is asked for
 * @throws {PhaseskipError} `plan-invalid` and the device's errors
 */
export async function prepareRun(
  model: Model,
  request: Request,
  signal?: AbortSignal,
  mayPair = true,
): Promise<RunSetup> {
  checkPrompt(model, request);
  const { index, folder } = model;
  const channels = channelsBeside(index.unetConfig, folder.location);
  checkChannels(channels, request);
  const run = await planRun(model, request, signal, mayPair);
  model.checkSize(run.shape[2], run.shape[3]);
  checkTensorSizes(run.unet, model.device);
  await model.useLoras(request.loras, signal);
  const { signatures, means } = run.schedule;
  const parts = model.unet.cut(run.unet, signatures);
  if (mayBeLarge(run.unet, model.device)) {
    const { checkMemory } = await import("./memory.js");
    checkMemory(run, model.device, parts, model.index.vaeScaleFactor);
  }
  await model.unet.prepare(run.unet, signatures, signal, means);
  return beginRun(model, run, request, signal);
}

/**
 * Embeds the texts of a run whose sessions are made, and begins its images and streams; the caller frees them with
 * {@link disposeChunks}.
 * @throws {PhaseskipError} the device's errors
 */
export async function beginRun(
  model: Model,
  run: PlannedRun,
  request: Request,
  signal?: AbortSignal,
): Promise<RunSetup> {
  const isGuided = run.schedule.steps.some((step) => step.contexts.length > 1);
  const contexts: readonly Context[] = isGuided ? run.contexts : ["cond"];
  const told = await conditionRun(model, run, request, contexts, signal);
  const isTiled = run.networks.isTiled(model.device);
  const images = await startImages(model, run, request, isTiled, signal);
  const chunks = await beginChunks(model, run, request, images, told, signal);
  const warnings = [...run.warnings, ...told.warnings];
  if (isTiled && request.vaeTiling === undefined) {
    const { vaeTileSize } = model.index;
    warnings.push(
      `pictures go through the VAE in tiles of ${vaeTileSize} pixels, as this device cannot hold them whole: tiles may differ a little in tone; vaeTiling: false tries without`,
    );
  }
  const { outChannels, sampleChannels } = model.index.unetConfig;
  const variance =
    outChannels === 2 * sampleChannels
      ? await import("../guidance/learned-variance.js")
      : undefined;
  return { ...run, chunks, isTiled, variance, warnings };
}

/** Begins the streams of all chunks; those that were begun are freed where one fails. */
async function beginChunks(
  { unet, index }: Model,
  { rows, isPaired }: PlannedRun,
  request: Request,
  images: readonly ImageState[],
  told: RunConditioning,
  signal?: AbortSignal,
): Promise<Chunk[]> {
  const chunks: Chunk[] = [];
  const contexts = Object.keys(told.images) as Context[];
  const calls = isPaired ? [contexts] : contexts.map((context) => [context]);
  try {
    for (let i = 0; i < images.length; i += rows) {
      const own = images.slice(i, i + rows);
      const beside = contexts.flatMap((context) => {
        const each = own.flatMap((image) => image.beside[context] ?? []);
        return each.length > 0 ? [[context, batched(each, rows)] as const] : [];
      });
      const chunk: Chunk = {
        images: own,
        streams: {},
        beside: Object.fromEntries(beside),
      };
      chunks.push(chunk);
      for (const together of calls) {
        await breathe();
        signal?.throwIfAborted();
        // a pair's stream goes by its first context
        const [context] = together as [Context];
        const inputs = together.flatMap((one) =>
          filled(told.images[one]!.slice(i, i + rows), rows),
        );
        const alike = textChunks(index, request, together, rows);
        chunk.streams[context] = await unet.begin(
          context,
          undefined,
          batchedInputs(inputs),
          Object.values(chunk.streams)[0],
          chunks[alike[chunks.length - 1]!]?.streams[context],
        );
      }
    }
    return chunks;
  } catch (error) {
    disposeChunks(chunks);
    throw error;
  }
}

function batchedInputs(images: readonly Conditioning[]): Conditioning {
  const names = Object.keys(images[0]!);
  return Object.fromEntries(
    names.map((name) => [
      name,
      batched(
        images.map((image) => image[name]!),
        images.length,
      ),
    ]),
  );
}

/** Frees what the streams of a run's chunks hold. */
export function disposeChunks(chunks: readonly Chunk[]): void {
  for (const { streams } of chunks) {
    for (const stream of Object.values(streams)) stream.dispose();
  }
}

/** A list as long as `count`; what is missing repeats the last. */
function filled<T>(list: readonly T[], count: number): T[] {
  return Array.from(
    { length: count },
    (_, i) => list[Math.min(i, list.length - 1)]!,
  );
}

/** Arrays of one image each as one batch; what is missing to its size repeats the last. */
export function batched(
  arrays: readonly Float32Array[],
  batch: number,
): Float32Array<ArrayBuffer> {
  const length = arrays[0]!.length;
  const all = new Float32Array(length * batch);
  filled(arrays, batch).forEach((array, i) => all.set(array, i * length));
  return all;
}

/** @throws {TypeError} If the request has a prompt that the model does not take, or lacks one that it does */
export function checkPrompt(
  { index }: Model,
  {
    prompts,
    negativePrompts,
    prompts2,
    negativePrompts2,
    promptEmbeds,
  }: Request,
): void {
  if ((prompts2 ?? negativePrompts2) && index.textEncoders.length < 2) {
    const name = prompts2 ? "prompt2" : "negativePrompt2";
    // with the refiner's, which is the second of Stable Diffusion XL, diffusers reads the prompt
    const which = index.hasTextEncoder2
      ? "which is this model's only one: it reads the prompt"
      : "which this model does not have";
    throw new TypeError(
      `Cannot generate an image as ${name} is for a second text encoder, ${which}; leave it out`,
    );
  }
  if (index.hasTextEncoder && !prompts && !promptEmbeds) {
    throw new TypeError(
      "Cannot generate an image as this model draws from a text: prompt is missing",
    );
  }
  if (!index.hasTextEncoder && (prompts ?? negativePrompts)) {
    throw new TypeError(
      "Cannot generate an image from a prompt as this model is unconditional; leave the prompt out",
    );
  }
}
