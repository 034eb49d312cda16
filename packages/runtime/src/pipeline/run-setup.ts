// From a request to everything that a run needs before its first step.

import type {
  NoiseGenerator,
  Scheduler,
  SchedulerState,
} from "@phaseskip/scheduler";
import { generator } from "@phaseskip/scheduler";
import type { Context } from "../plan/plan.js";
import type { UnetStream } from "../unet/stream.js";
import type { Model } from "./model.js";
import type { PlannedRun } from "./plan-run.js";
import { planRun } from "./plan-run.js";
import type { Request } from "./request.js";

/** One image on its way. */
export interface ImageState {
  sample: Float32Array<ArrayBuffer>;
  /** The sample before the first step. */
  readonly start: Float32Array<ArrayBuffer>;
  state: SchedulerState;
  predOriginalSample: Float32Array<ArrayBuffer>;
  readonly noise: NoiseGenerator;
}

/** Images that go through the Unet together, with a stream for each context. */
export interface Chunk {
  readonly images: readonly ImageState[];
  readonly streams: Partial<Record<Context, UnetStream>>;
}

/** A run that is ready. */
export interface RunSetup extends PlannedRun {
  readonly chunks: readonly Chunk[];
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
): Promise<RunSetup> {
  checkPrompt(model, request);
  const run = await planRun(model, request, signal);
  await model.unet.prepare(run.unet, run.schedule.signatures, signal);
  return beginRun(model, run, request);
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
): Promise<RunSetup> {
  const { scheduler, schedule, batch, shape } = run;
  const texts =
    run.guidanceScale === 1
      ? (["prompt"] as const)
      : (["prompt", "negativePrompt"] as const);
  const warnings = [...run.warnings];
  const embeddings: Float32Array<ArrayBuffer>[] = [];
  if (model.index.hasTextEncoder) {
    for (const name of texts) {
      const { embedding, encoded } = await model.embed(request[name] ?? "");
      embeddings.push(embedding);
      warnings.push(...textWarnings(name, encoded));
    }
  }
  const images = startImages(request, scheduler, shape);
  const isGuided = schedule.steps.some((step) => step.contexts.length > 1);
  const contexts: readonly Context[] = isGuided ? ["cond", "uncond"] : ["cond"];
  const chunks = await beginChunks(model, images, batch, contexts, embeddings);
  return { ...run, chunks, warnings };
}

/** Begins the streams of all chunks; those that were begun are freed where one fails. */
async function beginChunks(
  { unet }: Model,
  images: readonly ImageState[],
  batch: number,
  contexts: readonly Context[],
  embeddings: readonly Float32Array<ArrayBuffer>[],
): Promise<Chunk[]> {
  const chunks: Chunk[] = [];
  try {
    for (let i = 0; i < images.length; i += batch) {
      const chunk: Chunk = { images: images.slice(i, i + batch), streams: {} };
      chunks.push(chunk);
      for (const [c, context] of contexts.entries()) {
        const embedding = embeddings[c];
        chunk.streams[context] = await unet.begin(
          context,
          embedding && batched([embedding], batch),
        );
      }
    }
    return chunks;
  } catch (error) {
    disposeChunks(chunks);
    throw error;
  }
}

/** Frees what the streams of a run's chunks hold. */
export function disposeChunks(chunks: readonly Chunk[]): void {
  for (const { streams } of chunks) {
    for (const stream of Object.values(streams)) stream.dispose();
  }
}

/** Arrays of one image each as one batch; what is missing to its size repeats the last. */
export function batched(
  arrays: readonly Float32Array[],
  batch: number,
): Float32Array<ArrayBuffer> {
  const length = arrays[0]!.length;
  const all = new Float32Array(length * batch);
  for (let i = 0; i < batch; i++)
    all.set(arrays[Math.min(i, arrays.length - 1)]!, i * length);
  return all;
}

/** @throws {TypeError} If the request has a prompt that the model does not take, or lacks one that it does */
export function checkPrompt(
  { index }: Model,
  { prompt, negativePrompt }: Request,
): void {
  if (index.hasTextEncoder && prompt === undefined) {
    throw new TypeError(
      "Cannot generate an image as this model draws from a text: prompt is missing",
    );
  }
  if (!index.hasTextEncoder && (prompt ?? negativePrompt) !== undefined) {
    throw new TypeError(
      "Cannot generate an image from a prompt as this model is unconditional; leave the prompt out",
    );
  }
}

function startImages(
  { seed, initNoise }: Request,
  scheduler: Scheduler,
  shape: readonly [number, number, number, number],
): ImageState[] {
  const [count, ...one] = shape;
  const length = one.reduce((product, dim) => product * dim, 1);
  if (initNoise && initNoise.length !== count * length) {
    throw new RangeError(
      `Cannot generate ${count} images as initNoise must hold ${count * length} values, [${shape.join(", ")}]: it holds ${initNoise.length}`,
    );
  }
  return Array.from({ length: count }, (_, i) => {
    const noise = generator(seed + i);
    const sample = initNoise
      ? initNoise.slice(i * length, (i + 1) * length)
      : noise.randn(length);
    for (let k = 0; k < length; k++) sample[k]! *= scheduler.initNoiseSigma;
    const start = new Float32Array(sample);
    return {
      sample: start,
      start,
      predOriginalSample: start,
      state: scheduler.initialState(),
      noise,
    };
  });
}

function textWarnings(
  name: "prompt" | "negativePrompt",
  {
    unknown,
    truncated,
  }: { readonly unknown: readonly string[]; readonly truncated: number },
): string[] {
  const what = name === "prompt" ? "prompt" : "negative prompt";
  const words = unknown.map((word) => `"${word}"`).join(", ");
  return [
    ...(unknown.length > 0
      ? [`the model does not know these words of the ${what}: ${words}`]
      : []),
    ...(truncated > 0
      ? [`the ${what} is too long: its last ${truncated} tokens were left out`]
      : []),
  ];
}
