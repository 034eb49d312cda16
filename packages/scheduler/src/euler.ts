// Euler's method along the probability flow, and how a sample looks in terms of sigma.
//
//   Karras et al. 2022 (arXiv 2206.00364), algorithm 1     here
//   x_i, in the paper's scaling (signal 1, noise σ)         sample
//   t_i = σ_i                                               sigma
//   D_θ(x; σ)                                               predOriginalSample
//   d_i                                                     derivative
//   c_in(σ)                                                 1 / inputScale

import type { RunOptions, SchedulerConfig } from "./config.js";
import { configReader } from "./config-reader.js";
import type { ConfigReader } from "./config-reader.js";
import { defineScheduler } from "./define-scheduler.js";
import { quotient, scaled, sqrt32, weightedSum } from "./float32.js";
import { linspace32, noiseSchedule } from "./noise-schedule.js";
import { readPredictionType } from "./prediction.js";
import type { PredictionType, Scheduler } from "./scheduler.js";
import {
  indexOfTimestep,
  interpolated,
  karrasSigmas,
  readFinalSigma,
  readSigmaRange,
  rejectOtherSigmas,
  rejectTimestepsUnderKarras,
  sigmaTable,
  timestepsOfSigmas,
  withFiniteSigmas,
} from "./sigmas.js";
import {
  readSpacing,
  spacedTimesteps,
  stepRequest,
} from "./timestep-spacing.js";
import type { TimestepSpacing } from "./timestep-spacing.js";

const f = Math.fround;

/**
 * Euler's method, as diffusers' `EulerDiscreteScheduler` without churn. Its default spacing gives
 * fractional timesteps.
 *
 * @param options the configuration and the steps
 * @throws {RangeError} If a value is out of range, unknown or not implemented.
 * @throws {TypeError} If a value is of another type, or the steps are given twice or not at all.
 * @see diffusers 0.42.1, `schedulers/scheduling_euler_discrete.py`
 */
export function euler(options: SchedulerConfig & RunOptions): Scheduler {
  const config = configReader("Euler scheduler", options);
  const schedule = noiseSchedule(config);
  const { numTrainTimesteps } = schedule;
  const alphasCumprod = withFiniteSigmas(schedule);
  const predictionType = readPredictionType(config);
  rejectOtherSigmas(config, ["use_exponential_sigmas", "use_beta_sigmas"]);
  rejectContinuousTimesteps(config, predictionType);
  const isKarras = config.boolean("use_karras_sigmas", false);
  const interpolation = config.choice("interpolation_type", "linear", [
    "linear",
    "log_linear",
  ]);
  const request = stepRequest(config, options, {
    numTrainTimesteps,
    custom: "fractional",
  });
  rejectTimestepsUnderKarras(config, isKarras, request.timesteps);
  const count = request.numInferenceSteps;

  const table = sigmaTable(alphasCumprod);
  const { spacing, offset } = readSpacing(config, "linspace");
  const spaced = {
    spacing,
    offset,
    numTrainTimesteps,
    count,
    isRounded: false,
  };
  let timesteps = request.timesteps?.map(f) ?? spacedTimesteps(spaced);
  let sigmas =
    interpolation === "linear"
      ? timesteps.map((timestep) => interpolated(table, timestep))
      : logLinearSigmas(table, count);
  if (isKarras) {
    const range = readSigmaRange(config, {
      min: sigmas.at(-1)!,
      max: sigmas[0]!,
    });
    sigmas = karrasSigmas(range.max, range.min, count);
    timesteps = timestepsOfSigmas(sigmas, table).map(f);
  }

  return eulerLike({
    title: config.title,
    name: "euler",
    timesteps,
    sigmas: [...sigmas, readFinalSigma(config, table)].map(f),
    spacing,
    numTrainTimesteps,
    predictionType,
    alphasCumprod,
    targetSigma: (sigmas, stepIndex) => ({
      sigma: sigmas[stepIndex + 1]!,
      noise: 0,
    }),
  });
}

/** One descending run of sigmas, even in their logarithms: one more than there are steps. */
function logLinearSigmas(table: readonly number[], count: number): number[] {
  const from = f(Math.log(table.at(-1)!));
  const to = f(Math.log(table[0]!));
  return Array.from(linspace32(from, to, count + 1), (log) => f(Math.exp(log)));
}

function rejectContinuousTimesteps(
  config: ConfigReader,
  predictionType: PredictionType,
): void {
  const type = config.choice("timestep_type", "discrete", [
    "discrete",
    "continuous",
  ]);
  if (type === "continuous" && predictionType === "v_prediction") {
    const wanted = `"discrete" with v_prediction ("continuous" is not implemented)`;
    config.reject("timestep_type", wanted, type);
  }
}

/** What Euler's method and its ancestral form do not share. */
export interface EulerParts {
  /** In words, for error messages. */
  readonly title: string;
  /** Short name. */
  readonly name: string;
  /** The loop list. */
  readonly timesteps: readonly number[];
  /** Float32 values, at each step index and after the last step. */
  readonly sigmas: readonly number[];
  /** How the timesteps are spaced. */
  readonly spacing: TimestepSpacing;
  /** Timesteps of the training. */
  readonly numTrainTimesteps: number;
  /** What the network predicts. */
  readonly predictionType: PredictionType;
  /** Product of the alphas up to each training timestep. */
  readonly alphasCumprod: readonly number[];
  /** Which sigma a step goes down to, and the standard deviation of the noise it then adds. */
  readonly targetSigma: (
    sigmas: readonly number[],
    stepIndex: number,
  ) => { readonly sigma: number; readonly noise: number };
  /** Whether every step draws noise. @default false */
  readonly isAncestral?: boolean;
}

/** A sampler that takes Euler's steps in sigma. */
export function eulerLike(parts: EulerParts): Scheduler {
  const {
    timesteps,
    sigmas,
    predictionType,
    targetSigma,
    isAncestral = false,
  } = parts;
  const maxSigma = Math.max(...sigmas);
  return defineScheduler({
    ...parts,
    initNoiseSigma: parts.spacing === "leading" ? norm(maxSigma) : maxSigma,
    inputScale: (stepIndex) => norm(sigmas[stepIndex]!),
    needsNoise: () => isAncestral,
    noiseWeights(timestep) {
      const sigma = sigmas[indexOfTimestep(timesteps, timestep)];
      return sigma === undefined ? null : [1, sigma];
    },
    update({ modelOutput, sample, stepIndex, noise }) {
      const sigma = sigmas[stepIndex]!;
      const target = targetSigma(sigmas, stepIndex);
      const predOriginalSample = predictOriginal(
        predictionType,
        modelOutput,
        sample,
        sigma,
      );
      const derivative = quotient(
        weightedSum([1, sample], [-1, predOriginalSample]),
        sigma,
      );
      const next = [
        [1, sample],
        [f(target.sigma - sigma), derivative],
      ] as const;
      const prevSample = isAncestral
        ? weightedSum(...next, [target.noise, noise])
        : weightedSum(...next);
      return { prevSample, predOriginalSample };
    },
  });
}

/** Standard deviation of a sample whose clean part has variance 1. */
function norm(sigma: number): number {
  return sqrt32(f(f(sigma * sigma) + 1));
}

function predictOriginal(
  predictionType: PredictionType,
  modelOutput: Float32Array,
  sample: Float32Array,
  sigma: number,
): Float32Array<ArrayBuffer> {
  switch (predictionType) {
    case "epsilon":
      return weightedSum([1, sample], [-sigma, modelOutput]);
    case "sample":
      return scaled(modelOutput, 1);
    case "v_prediction": {
      const kept = quotient(sample, f(f(sigma * sigma) + 1));
      return weightedSum([f(-sigma / norm(sigma)), modelOutput], [1, kept]);
    }
    default:
      return predictionType satisfies never;
  }
}
