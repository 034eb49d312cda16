// One call of a pipeline, from the prompt to the picture, a step at a time.

import type { ScheduledStep } from "../schedule/schedule.js";
import type { Model } from "./model.js";
import type { Picture } from "../picture/picture.js";
import { samplePicture } from "../picture/picture.js";
import { RunCosts } from "./costs.js";
import { pipelineMacs } from "./network-costs.js";
import type { Report, StepReport } from "./report.js";
import { contextActs } from "./report.js";
import type { Request } from "./request.js";
import type { RunSetup } from "./run-setup.js";
import { batched, disposeChunks, prepareRun } from "./run-setup.js";
import type { ImageState } from "./start-images.js";
import { restoreKept } from "./start-images.js";
import { UnetSteps } from "./unet-steps.js";

/** A step that is done. */
export interface RunStep {
  /** Counts the run's timesteps, from 0, the noisiest; an image to start from leaves out the scheduler's first ones. */
  readonly stepIndex: number;
  /** Steps of the run. */
  readonly stepCount: number;
  /** What ran at this step. */
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
  const { scheduler, schedule, chunks, shape } = setup;
  const costs = new RunCosts(setup);
  const unetSteps = new UnetSteps(model.unet, setup);
  const reports: StepReport[] = [];
  const [count] = shape;
  let decoded = count;
  try {
    for (const step of schedule.steps) {
      const report = await runStep(setup, unetSteps, step, costs, signal);
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
        ? await pictures(model, setup, estimates, signal)
        : undefined;
      if (isShown) decoded += count;
      yield { stepIndex, stepCount, report, ...(preview && { preview }) };
    }
    const samples = chunks.flatMap(({ images }) =>
      images.map((image) => image.sample),
    );
    const images = await pictures(model, setup, samples, signal);
    signal?.throwIfAborted();
    const sample = new Float32Array(samples.length * samples[0]!.length);
    samples.forEach((one, i) => sample.set(one, i * one.length));
    const contexts = setup.contexts.length;
    const { macs } = costs;
    const fullMacs = costs.full(contexts);
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
      exactMacs: costs.exact(contexts),
      macsSaved: 1 - macs / fullMacs,
      pipelineMacs: pipelineMacs(setup.networks, decoded, { macs, fullMacs }),
      ...(unetSteps.decisions.length > 0 && {
        decisions: unetSteps.decisions,
      }),
      ...(setup.measured && { measured: setup.measured }),
      milliseconds: performance.now() - start,
      warnings: setup.warnings,
    };
    return { images, report, sample, sampleShape: shape };
  } finally {
    disposeChunks(chunks);
    model.unet.endRun();
  }
}

async function runStep(
  setup: RunSetup,
  unetSteps: UnetSteps,
  step: ScheduledStep,
  costs: RunCosts,
  signal?: AbortSignal,
): Promise<StepReport> {
  const { scheduler, chunks, rows } = setup;
  const { timestep } = step;
  const stepIndex = setup.startIndex + step.stepIndex;
  const endIndex = setup.startIndex + setup.schedule.steps.length;
  const samples = chunks.map(({ images }) => {
    if (step.priorNoise !== 0)
      for (const image of images) addPriorNoise(image, step.priorNoise);
    return batched(
      images.map(({ sample }) => scheduler.scaleModelInput(sample, stepIndex)),
      rows,
    );
  });
  const done = await unetSteps.run(step, samples, signal);
  for (const [chunk, { images }] of chunks.entries()) {
    const modelOutput = done.outputs[chunk]!;
    const length = modelOutput.length / rows;
    images.forEach((image, i) => {
      const { prevSample, predOriginalSample, state } = scheduler.step({
        modelOutput: modelOutput.subarray(i * length, (i + 1) * length),
        sample: image.sample,
        stepIndex,
        state: image.state,
        noise: scheduler.drawNoise(image.noise, stepIndex, image.sample.length),
      });
      Object.assign(image, { sample: prevSample, predOriginalSample, state });
      restoreKept(image, scheduler, stepIndex + 1, endIndex);
    });
  }
  const macs = costs.step(done.step);
  const contexts = done.step.contexts.map((scheduled, i) => ({
    ...contextActs(scheduled),
    macs: macs[i]!,
    milliseconds: done.milliseconds[i]!,
  }));
  return {
    stepIndex: step.stepIndex,
    timestep,
    guidanceScale: step.guidanceScale ?? 1,
    ...(step.deltaAge !== undefined && { deltaAge: step.deltaAge }),
    contexts,
  };
}

/** `sample + weight · start`, as Faster Diffusion does before a step (arXiv 2312.09608). */
function addPriorNoise(image: ImageState, weight: number): void {
  const { sample, start } = image;
  const factor = Math.fround(weight);
  image.sample = sample.map(
    (value, i) => value + Math.fround(factor * start[i]!),
  );
}

async function pictures(
  model: Model,
  { shape, isTiled }: RunSetup,
  samples: readonly Float32Array<ArrayBuffer>[],
  signal?: AbortSignal,
): Promise<Picture[]> {
  const [, , height, width] = shape;
  const drawn: Picture[] = [];
  for (const data of samples) {
    const sample = { data, height, width };
    const pixels = await model.decode(sample, isTiled, signal);
    drawn.push(samplePicture(pixels.data, pixels.height, pixels.width));
  }
  return drawn;
}
