// One call of a pipeline, from the prompt to the picture, a step at a time.

import type { Unet } from "@phaseskip/graph";
import { PhaseskipError, fixedBatch } from "@phaseskip/graph";
import type {
  NoiseGenerator,
  Scheduler,
  SchedulerState,
} from "@phaseskip/scheduler";
import { createScheduler, generator } from "@phaseskip/scheduler";
import { parsePlan } from "../plan/parse-plan.js";
import type { Context, Plan } from "../plan/plan.js";
import type {
  Schedule,
  ScheduledContext,
  ScheduledStep,
} from "../plan/schedule.js";
import { schedulePlan } from "../plan/schedule.js";
import type { UnetStream } from "../unet/executor.js";
import type { Model } from "./model.js";
import type { Picture } from "./picture.js";
import { samplePicture } from "./picture.js";
import type { ContextReport, Costs, Report, StepReport } from "./report.js";
import { countCosts } from "./report.js";
import type { Request } from "./request.js";

/** A step that is done. */
export interface RunStep {
  readonly stepIndex: number;
  /** Steps of the run. */
  readonly stepCount: number;
  readonly report: StepReport;
  /** What the clean pictures look like so far, at the steps that were asked for. */
  readonly preview?: readonly Picture[];
}

/** What a run ends with. */
export interface RunResult {
  readonly images: readonly Picture[];
  readonly report: Report;
  /** The final samples, before a VAE: `[image, channel, height, width]`. */
  readonly sample: Float32Array<ArrayBuffer>;
  /** The sample's shape. */
  readonly sampleShape: readonly [number, number, number, number];
}

/** One image on its way. */
interface ImageState {
  sample: Float32Array<ArrayBuffer>;
  state: SchedulerState;
  predOriginalSample: Float32Array<ArrayBuffer>;
  readonly noise: NoiseGenerator;
}

/** Images that go through the Unet together, with a stream for each context. */
interface Chunk {
  readonly images: readonly ImageState[];
  readonly streams: Partial<Record<Context, UnetStream>>;
}

/**
 * Runs a request. Leaving the loop early frees what the run holds.
 *
 * @throws {PhaseskipError} `plan-invalid` before anything runs; `inference-failed` and the device's errors
 * @throws the signal's reason, if it is aborted
 */
export async function* runPipeline(
  model: Model,
  request: Request,
  signal?: AbortSignal,
): AsyncGenerator<RunStep, RunResult> {
  const start = performance.now();
  const setup = await prepareRun(model, request, signal);
  const { scheduler, schedule, chunks, costs, shape } = setup;
  const reports: StepReport[] = [];
  const [, , height, width] = shape;
  try {
    for (const step of schedule.steps) {
      const report = await runStep(
        model,
        setup,
        step,
        reports.length === 0,
        signal,
      );
      reports.push(report);
      const { stepIndex } = step;
      const stepCount = schedule.steps.length;
      const isShown =
        request.preview > 0 &&
        ((stepIndex + 1) % request.preview === 0 ||
          stepIndex === stepCount - 1);
      const estimates = chunks.flatMap(({ images }) =>
        images.map((image) => image.predOriginalSample),
      );
      const preview = isShown
        ? await pictures(model, estimates, height, width)
        : undefined;
      yield { stepIndex, stepCount, report, ...(preview && { preview }) };
    }
    const samples = chunks.flatMap(({ images }) =>
      images.map((image) => image.sample),
    );
    const images = await pictures(model, samples, height, width);
    const sample = new Float32Array(samples.length * samples[0]!.length);
    samples.forEach((one, i) => sample.set(one, i * one.length));
    const macs = reports.reduce(
      (sum, { contexts }) => sum + contexts.reduce((s, c) => s + c.macs, 0),
      0,
    );
    const calls =
      schedule.steps.length *
      (setup.guidanceScale === 1 ? 1 : 2) *
      chunks.length;
    const fullMacs = calls * costs.whole;
    const report: Report = {
      plan: setup.plan.name ?? "unnamed",
      scheduler: scheduler.name,
      numInferenceSteps: scheduler.numInferenceSteps,
      guidanceScale: setup.guidanceScale,
      seed: request.seed,
      device: model.device.kind,
      threads: model.device.threads,
      segments: model.unet.segments.length,
      steps: reports,
      macs,
      fullMacs,
      macsSaved: 1 - macs / fullMacs,
      milliseconds: performance.now() - start,
      warnings: [...setup.warnings, ...schedule.warnings],
    };
    return { images, report, sample, sampleShape: shape };
  } finally {
    for (const { streams } of chunks) {
      for (const stream of Object.values(streams)) stream.dispose();
    }
    model.unet.endRun();
  }
}

interface Setup {
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

async function prepareRun(
  model: Model,
  request: Request,
  signal?: AbortSignal,
): Promise<Setup> {
  const { index } = model;
  checkPrompt(model, request);
  const { plan } = request;
  const chosen =
    typeof plan === "string" ? await model.plan(plan, signal) : parsePlan(plan);
  const scheduler = makeScheduler(model, request, chosen);
  const guidanceScale = index.hasTextEncoder
    ? (request.guidanceScale ?? index.guidanceScale ?? 7.5)
    : 1;
  const count = request.numImagesPerPrompt;
  const shape = [
    count,
    index.unetConfig.inChannels,
    ...sampleSize(model),
  ] as const;
  const batch = fixedBatch(model.unetGraph) ?? count;

  const texts =
    guidanceScale === 1
      ? (["prompt"] as const)
      : (["prompt", "negativePrompt"] as const);
  const warnings: string[] = [];
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
  const chunks: Chunk[] = [];
  const images = startImages(request, scheduler, shape);
  const isGuided = schedule.steps.some((step) => step.contexts.length > 1);
  const contexts: readonly Context[] = isGuided ? ["cond", "uncond"] : ["cond"];
  for (let i = 0; i < images.length; i += batch) {
    const chunk: Chunk = { images: images.slice(i, i + batch), streams: {} };
    chunks.push(chunk);
    for (const [c, context] of contexts.entries()) {
      const embedding = embeddings[c];
      chunk.streams[context] = await model.unet.begin(
        context,
        embedding && repeated(embedding, batch),
      );
    }
  }
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

async function runStep(
  model: Model,
  setup: Setup,
  step: ScheduledStep,
  isFirst: boolean,
  signal?: AbortSignal,
): Promise<StepReport> {
  const { scheduler, costs, chunks, batch } = setup;
  const { stepIndex, timestep } = step;
  const spent = step.contexts.map(() => 0);
  for (const { images, streams } of chunks) {
    const input = batched(
      images.map(({ sample }) => scheduler.scaleModelInput(sample, stepIndex)),
      batch,
    );
    const outputs: Float32Array<ArrayBuffer>[] = [];
    for (const [i, scheduled] of step.contexts.entries()) {
      const before = performance.now();
      const stream = streams[scheduled.context]!;
      outputs.push(
        await model.unet.step(stream, scheduled, input, timestep, signal),
      );
      spent[i]! += performance.now() - before;
    }
    const modelOutput = guided(outputs, step.guidanceScale);
    const length = modelOutput.length / batch;
    images.forEach((image, i) => {
      const needsNoise = scheduler.needsNoise(stepIndex);
      const { prevSample, predOriginalSample, state } = scheduler.step({
        modelOutput: modelOutput.subarray(i * length, (i + 1) * length),
        sample: image.sample,
        stepIndex,
        state: image.state,
        ...(needsNoise && { noise: image.noise.randn(image.sample.length) }),
      });
      Object.assign(image, { sample: prevSample, predOriginalSample, state });
    });
  }
  const isNewTimestep = scheduler.timesteps[stepIndex - 1] !== timestep;
  const contexts = step.contexts.map((scheduled, i): ContextReport => {
    const once =
      (isFirst ? costs.text : 0) +
      (i === 0 && isNewTimestep ? costs.timestep : 0);
    const macs = costs.signatures[scheduled.signature]! * chunks.length + once;
    return contextReport(scheduled, macs, spent[i]!);
  });
  return {
    stepIndex,
    timestep,
    guidanceScale: step.guidanceScale ?? 1,
    contexts,
  };
}

function contextReport(
  scheduled: ScheduledContext,
  macs: number,
  milliseconds: number,
): ContextReport {
  const { context, signature, computed, reused, zeroed } = scheduled;
  return {
    context,
    signature,
    computed,
    reused: Object.fromEntries(reused),
    zeroed,
    macs,
    milliseconds,
  };
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
  const name = request.scheduler ?? String(schedulerConfig["_class_name"]);
  const own =
    request.numInferenceSteps === undefined ? plan.steps?.timesteps : undefined;
  const numInferenceSteps =
    request.numInferenceSteps ?? plan.steps?.numInferenceSteps ?? 50;
  return createScheduler(
    name,
    schedulerConfig,
    own ? { timesteps: own } : { numInferenceSteps },
  );
}

/** Height and width of the sample: what the graph is fixed to, else what the configuration says. */
function sampleSize({
  unetGraph,
  index,
  folder,
}: Model): readonly [number, number] {
  const dims = unetGraph.inputs.find(({ name }) => name === "sample")?.dims;
  const [height, width] = [dims?.[2], dims?.[3]];
  if (typeof height === "number" && typeof width === "number")
    return [height, width];
  if (index.unetConfig.sampleSize) return index.unetConfig.sampleSize;
  throw new PhaseskipError(
    "model-invalid",
    `Cannot choose a size for the model at ${folder.location} as its unet/config.json has no sample_size`,
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

/** Arrays of one image each as one batch; what is missing to its size repeats the last. */
function batched(arrays: readonly Float32Array[], batch: number): Float32Array {
  const length = arrays[0]!.length;
  const all = new Float32Array(length * batch);
  for (let i = 0; i < batch; i++)
    all.set(arrays[Math.min(i, arrays.length - 1)]!, i * length);
  return all;
}

function repeated(
  array: Float32Array<ArrayBuffer>,
  times: number,
): Float32Array<ArrayBuffer> {
  const all = new Float32Array(array.length * times);
  for (let i = 0; i < times; i++) all.set(array, i * array.length);
  return all;
}

/** `uncond + s·(cond − uncond)`. */
function guided(
  [cond, uncond]: readonly Float32Array<ArrayBuffer>[],
  scale: number | undefined,
): Float32Array<ArrayBuffer> {
  if (!uncond || scale === undefined) return cond!;
  return cond!.map(
    (value, i) =>
      uncond[i]! + Math.fround(scale * Math.fround(value - uncond[i]!)),
  );
}

async function pictures(
  model: Model,
  samples: readonly Float32Array<ArrayBuffer>[],
  height: number,
  width: number,
): Promise<Picture[]> {
  const drawn: Picture[] = [];
  for (const sample of samples) {
    const decoded = await model.decode(sample, height, width);
    drawn.push(samplePicture(decoded.sample, decoded.height, decoded.width));
  }
  return drawn;
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
