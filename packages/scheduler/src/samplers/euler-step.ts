// One step of Euler's method, and how a sample looks in terms of sigma.
//
//   Karras et al. 2022 (arXiv 2206.00364), algorithm 1     here
//   x_i, in the paper's scaling (signal 1, noise σ)         sample
//   t_i = σ_i, t_{i+1}                                      sigma, nextSigma
//   D_θ(x; σ)                                               predOriginalSample
//   d_i                                                     derivative
//   c_in(σ)                                                 1 / inputScale

import { defineScheduler } from "../step/define-scheduler.js";
import { quotient, scaled, sqrt32, weightedSum } from "../float32.js";
import type { PredictionType, Scheduler } from "../scheduler.js";
import { indexOfTimestep } from "../grid/sigmas.js";
import type { TimestepSpacing } from "../grid/timestep-spacing.js";

const f = Math.fround;

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
  /**
   * For an ancestral sampler: how far a step from one sigma to the next goes down, and the
   * standard deviation of the noise that it then adds. @default all the way, and no noise
   */
  readonly split?: (from: number, to: number) => AncestralStep;
}

/** A step down followed by noise. */
export interface AncestralStep {
  /** Sigma to go down to. */
  readonly down: number;
  /** Standard deviation of the noise to add. */
  readonly up: number;
}

/** A sampler that takes Euler's steps in sigma. */
export function eulerStepper(parts: EulerParts): Scheduler {
  const { timesteps, sigmas, predictionType, split } = parts;
  const maxSigma = Math.max(...sigmas);
  return defineScheduler({
    ...parts,
    initNoiseSigma: parts.spacing === "leading" ? norm(maxSigma) : maxSigma,
    inputScale: (stepIndex) => norm(sigmas[stepIndex]!),
    needsNoise: () => split !== undefined,
    noiseWeights(timestep) {
      const sigma = sigmas[indexOfTimestep(timesteps, timestep)];
      return sigma === undefined ? null : [1, sigma];
    },
    update({ modelOutput, sample, stepIndex, noise }) {
      const sigma = sigmas[stepIndex]!;
      const nextSigma = sigmas[stepIndex + 1]!;
      const { down, up } = split?.(sigma, nextSigma) ?? {
        down: nextSigma,
        up: 0,
      };
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
        [f(down - sigma), derivative],
      ] as const;
      const prevSample = split
        ? weightedSum(...next, [up, noise])
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
