// Runs a sampler with the network of models/golden_schedulers.py: 0.375 times the input plus a
// pattern, exact in float32.

import {
  createScheduler,
  generator,
  timestepsFrom,
} from "@phaseskip/scheduler";
import type {
  Scheduler,
  SchedulerConfig,
  SchedulerState,
} from "@phaseskip/scheduler";

import { unpacked } from "./golden-file.js";

/** What a run is made of. */
export interface Run {
  readonly config: SchedulerConfig;
  readonly steps: number | null;
  readonly timesteps?: readonly number[];
  readonly eta?: number;
  readonly seed?: number;
  readonly shape?: readonly number[];
  readonly strength?: number;
  /** Noise to use in place of the sampler's own, one step after another, in base64. */
  readonly noises?: string;
}

/** What came of it, everything in the order of the steps. */
export interface Trajectory {
  readonly scheduler: Scheduler;
  readonly startIndex: number;
  /** What each step was given. */
  readonly noises: readonly (Float32Array | undefined)[];
  /** A clean sample with the noise of the step at `noisyIndex`. */
  readonly noisy: Float32Array;
  readonly noisyIndex: number;
  /** What the loop began with. */
  readonly firstSample: Float32Array;
  readonly prevSamples: Float32Array;
  readonly predOriginalSamples: Float32Array;
}

/** The sampler of a run. */
export function schedulerOf(
  name: string,
  { config, steps, timesteps, eta }: Run,
): Scheduler {
  const numInferenceSteps = steps ?? undefined;
  return createScheduler(name, config, { numInferenceSteps, timesteps, eta });
}

/** The largest magnitude. */
export function largest(values: Float32Array): number {
  return values.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
}

/** Multiples of 1/8 in [−1, 1). */
export function pattern(
  length: number,
  factor: number,
  step: number,
): Float32Array<ArrayBuffer> {
  return Float32Array.from(
    { length },
    (_, j) => ((factor * j + 3 * step) % 16) / 8 - 1,
  );
}

/** The network's output, with the variance's half where that is learned. */
export function network(
  scaled: Float32Array,
  step: number,
  config: SchedulerConfig,
): Float32Array<ArrayBuffer> {
  const values = pattern(scaled.length, 7, step);
  const output = scaled.map(
    (value, i) => Math.fround(value * 0.375) + values[i]! * 0.5,
  );
  const kind = config.variance_type;
  if (kind !== "learned" && kind !== "learned_range")
    return Float32Array.from(output);
  const variance = pattern(scaled.length, 5, step);
  const second =
    kind === "learned"
      ? variance.map((value) => (value + 1.125) / 16)
      : variance;
  return Float32Array.from([...output, ...second]);
}

/**
 * Runs the whole trajectory.
 *
 * @param pass applied to the state between any two steps
 */
export function trajectory(
  name: string,
  run: Run,
  pass: (state: SchedulerState) => SchedulerState = (state) => state,
): Trajectory {
  const scheduler = schedulerOf(name, run);
  const length = (run.shape ?? [3, 2, 4]).reduce(
    (product, size) => product * size,
  );
  const source = generator(run.seed ?? 7);
  const startIndex =
    run.strength === undefined
      ? 0
      : timestepsFrom(scheduler, run.strength).startIndex;

  const { timesteps } = scheduler;
  const noise = source.randn(length);
  const clean = pattern(length, 3, 1);
  const middle = Math.max(startIndex, timesteps.length >> 1);
  const noisy = scheduler.addNoise(clean, noise, middle);
  const firstSample = startIndex
    ? scheduler.addNoise(clean, noise, startIndex)
    : noise.map((value) => value * scheduler.initNoiseSigma);

  let sample = firstSample;
  let state = scheduler.initialState();
  const given = run.noises === undefined ? undefined : unpacked(run.noises);
  const steps = timesteps.slice(startIndex).map((_, i) => {
    const stepIndex = startIndex + i;
    const modelOutput = network(
      scheduler.scaleModelInput(sample, stepIndex),
      stepIndex,
      run.config,
    );
    const own = scheduler.drawNoise(source, stepIndex, length);
    const drawn = own && (given?.slice(i * length, (i + 1) * length) ?? own);
    const output = scheduler.step({
      modelOutput,
      sample,
      stepIndex,
      state,
      noise: drawn,
    });
    state = pass(output.state);
    sample = output.prevSample;
    return { ...output, drawn };
  });
  return {
    scheduler,
    startIndex,
    noises: steps.map((step) => step.drawn),
    noisy,
    noisyIndex: middle,
    firstSample,
    prevSamples: Float32Array.from(
      steps.flatMap((step) => [...step.prevSample]),
    ),
    predOriginalSamples: Float32Array.from(
      steps.flatMap((step) => [...step.predOriginalSample]),
    ),
  };
}
