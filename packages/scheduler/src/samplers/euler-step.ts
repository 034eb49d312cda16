// One step of Euler's method, and how a sample looks in terms of sigma.
//
//   Karras et al. 2022 (arXiv 2206.00364), algorithm 1     here
//   x_i, in the paper's scaling (signal 1, noise σ)         sample
//   t_i = σ_i, t_{i+1}                                      sigma, nextSigma
//   D_θ(x; σ)                                               predOriginalSample
//   d_i                                                     derivative
//   c_in(σ)                                                 1 / inputScale

import type { AncestralStep } from "../step/ancestral-step.js";
import { defineScheduler } from "../step/define-scheduler.js";
import { weightedSum } from "../float32.js";
import {
  derivativeAtSigma,
  initNoiseSigma,
  originalAtSigma,
  sigmaNorm,
} from "../step/sigma-sample.js";
import type { PredictionType, Scheduler } from "../scheduler.js";
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

/** A sampler that takes Euler's steps in sigma. */
export function eulerStepper(parts: EulerParts): Scheduler {
  const { sigmas, predictionType, split } = parts;
  return defineScheduler({
    ...parts,
    initNoiseSigma: initNoiseSigma(sigmas, parts.spacing),
    inputScale: (stepIndex) => sigmaNorm(sigmas[stepIndex]!),
    needsNoise: () => split !== undefined,
    noiseWeights: (stepIndex) => ({ signal: 1, noise: sigmas[stepIndex]! }),
    update({ modelOutput, sample, stepIndex, noise }) {
      const sigma = sigmas[stepIndex]!;
      const nextSigma = sigmas[stepIndex + 1]!;
      const { down, up } = split?.(sigma, nextSigma) ?? {
        down: nextSigma,
        up: 0,
      };
      const predOriginalSample = originalAtSigma(
        predictionType,
        modelOutput,
        sample,
        sigma,
      );
      const derivative = derivativeAtSigma(sample, predOriginalSample, sigma);
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
