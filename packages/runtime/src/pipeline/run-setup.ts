// From a request to everything that a run needs before its first step.

import type { Unet } from "@phaseskip/graph";
import { PhaseskipError, fixedBatch } from "@phaseskip/graph";
import type {
  NoiseGenerator,
  Scheduler,
  SchedulerState,
} from "@phaseskip/scheduler";
import {
  createScheduler,
  generator,
  schedulerClassNames,
  schedulerNames,
} from "@phaseskip/scheduler";
import { parsePlan } from "../plan/parse-plan.js";
import type { Context, Plan } from "../plan/plan.js";
import type { Schedule } from "../plan/schedule.js";
import { schedulePlan } from "../plan/schedule.js";
import type { UnetStream } from "../unet/stream.js";
import type { Model } from "./model.js";
import { sampleSize } from "./sample-size.js";
import type { Costs } from "./report.js";
import { countCosts } from "./report.js";
import type { Request } from "./request.js";

/** One image on its way. */
export interface ImageState {
  sample: Float32Array<ArrayBuffer>;
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
export interface RunSetup {
  readonly plan: Plan;
  readonly scheduler: Scheduler;
  readonly schedule: Schedule;
  readonly costs: Costs;
  readonly chunks: readonly Chunk[];
  /** Samples of one Unet call, padding included. */
  readonly batch: number;
  readonly guidanceScale: number;
  /** `[image, channel, height, width]`. */
  readonly shape: readonly [number, number, number, number];
  readonly warnings: readonly string[];
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
  const { index } = model;
  checkPrompt(model, request);
  const { plan } = request;
  const chosen =
    typeof plan === "string" ? await model.plan(plan, signal) : parsePlan(plan);
  const warnings = await checkModel(model, chosen, signal);
  const scheduler = makeScheduler(model, request, chosen);
  const guidanceScale = index.hasTextEncoder
    ? (request.guidanceScale ?? index.guidanceScale ?? 7.5)
    : 1;
  const count = request.numImagesPerPrompt;
  const shape = [
    count,
    index.unetConfig.inChannels,
    ...sampleSize(model.folder, index, model.unetGraph),
  ] as const;
  const batch = fixedBatch(model.unetGraph) ?? count;

  const texts =
    guidanceScale === 1
      ? (["prompt"] as const)
      : (["prompt", "negativePrompt"] as const);
  const embeddings: Float32Array<ArrayBuffer>[] = [];
  if (index.hasTextEncoder) {
    for (const name of texts) {
      const { embedding, encoded } = await model.embed(request[name] ?? "");
      embeddings.push(embedding);
      warnings.push(...textWarnings(name, encoded));
    }
  }
  const width = index.unetConfig.crossAttentionDim;
  const tokens =
    width && embeddings[0] ? embeddings[0].length / width : undefined;
  const unet: Unet = model.unet.unet({
    batch,
    channels: shape[1],
    height: shape[2],
    width: shape[3],
    ...(tokens && width && { tokens, textWidth: width }),
  });
  const schedule = schedulePlan(unet, {
    plan: chosen,
    timesteps: scheduler.timesteps,
    numTrainTimesteps: scheduler.numTrainTimesteps,
    guidanceScale,
    scheduler: scheduler.name,
  });
  await model.unet.prepare(unet, schedule.signatures, signal);
  const images = startImages(request, scheduler, shape);
  const isGuided = schedule.steps.some((step) => step.contexts.length > 1);
  const contexts: readonly Context[] = isGuided ? ["cond", "uncond"] : ["cond"];
  const chunks = await beginChunks(model, images, batch, contexts, embeddings);
  const costs = countCosts(unet, schedule);
  return {
    plan: chosen,
    scheduler,
    schedule,
    costs,
    chunks,
    batch,
    guidanceScale,
    shape,
    warnings,
  };
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

function checkPrompt(
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

function makeScheduler(
  { index }: Model,
  request: Request,
  plan: Plan,
): Scheduler {
  const { schedulerConfig } = index;
  const own = String(schedulerConfig["_class_name"]);
  if (request.scheduler === undefined && !schedulerClassNames.includes(own)) {
    throw new PhaseskipError(
      "model-unsupported",
      `Cannot sample with the model's own scheduler, ${own}, as it is not known here: choose one of ${schedulerNames.join(", ")}`,
    );
  }
  const timesteps =
    request.numInferenceSteps === undefined ? plan.steps?.timesteps : undefined;
  const numInferenceSteps =
    request.numInferenceSteps ?? plan.steps?.numInferenceSteps ?? 50;
  return createScheduler(
    request.scheduler ?? own,
    schedulerConfig,
    timesteps ? { timesteps } : { numInferenceSteps },
  );
}

/**
 * What to warn of, where it cannot be known whether a plan was made for the model.
 * @throws {PhaseskipError} `plan-invalid` If it was made for another one
 */
async function checkModel(
  model: Model,
  { name = "", model: wanted }: Plan,
  signal?: AbortSignal,
): Promise<string[]> {
  if (!wanted) return [];
  const found = await model.digest(signal);
  if (found === wanted.unet) return [];
  if (found === undefined) {
    return [
      "whether the plan was made for this model is not checked: SHA-256 needs a secure context",
    ];
  }
  throw new PhaseskipError(
    "plan-invalid",
    `Cannot run the plan ${name} as it was made for another model, whose Unet is ${wanted.unet}: that of ${model.folder.location} is ${found}`,
  );
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
