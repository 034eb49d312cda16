// A noisy sample as the samplers after k-diffusion hold it: signal 1, noise sigma.
//
//   Karras et al. 2022 (arXiv 2206.00364)         here
//   x, σ                                          sample, sigma
//   D_θ(x; σ)                                     originalAtSigma
//   1 / c_in(σ)                                   sigmaNorm
//   d                                             derivativeAtSigma

import { quotient, scaled, sqrt32, weightedSum } from "../float32.js";
import type { TimestepSpacing } from "../grid/timestep-spacing.js";
import type { PredictionType } from "../scheduler.js";

const f = Math.fround;

/** Standard deviation of a sample whose clean part has variance 1; the network's input is divided by it. */
export function sigmaNorm(sigma: number): number {
  return sqrt32(f(f(sigma * sigma) + 1));
}

/** Standard deviation of the first sample. */
export function initNoiseSigma(
  sigmas: readonly number[],
  spacing: TimestepSpacing,
): number {
  const most = Math.max(...sigmas);
  return spacing === "leading" ? sigmaNorm(most) : most;
}

/** The clean sample that a network's output implies; a new array. */
export function originalAtSigma(
  predictionType: PredictionType,
  modelOutput: Float32Array,
  sample: Float32Array,
  sigma: number,
): Float32Array<ArrayBuffer> {
  switch (predictionType) {
    case "epsilon":
    case "flow_prediction":
      return weightedSum([1, sample], [-sigma, modelOutput]);
    case "sample":
      return scaled(modelOutput, 1);
    case "v_prediction": {
      const kept = quotient(sample, f(f(sigma * sigma) + 1));
      return weightedSum(
        [f(-sigma / sigmaNorm(sigma)), modelOutput],
        [1, kept],
      );
    }
    default:
      return predictionType satisfies never;
  }
}

/** The direction in which a sample changes with sigma; a new array. */
export function derivativeAtSigma(
  sample: Float32Array,
  original: Float32Array,
  sigma: number,
): Float32Array<ArrayBuffer> {
  return quotient(weightedSum([1, sample], [-1, original]), sigma);
}
