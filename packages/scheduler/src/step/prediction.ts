// From what a network predicts to the clean sample and to the noise, where the noisy sample is
// signal · x_0 + noise · ε.
//
//   paper                     here
//   √ᾱ_t                      signal
//   √(1 − ᾱ_t)                noise
//   ε_θ, x_θ, v_θ             modelOutput, by predictionType
//   x̂_0                       predOriginalSample
//
// v is Salimans & Ho 2022 (arXiv 2202.00512), appendix D.

import type { ConfigReader } from "../config/config-reader.js";
import { quotient, scaled, sqrt32, weightedSum } from "../float32.js";
import type { PredictionType } from "../scheduler.js";

const predictionTypes = {
  /** Most classes. */
  all: ["epsilon", "sample", "v_prediction"],
  /** Classes that cannot take a predicted clean sample. */
  noisy: ["epsilon", "v_prediction"],
  /** Solvers that also know flow matching. */
  solver: ["epsilon", "sample", "v_prediction", "flow_prediction"],
} as const satisfies Record<string, readonly PredictionType[]>;

/** Reads what the network predicts, out of what the sampler can take. */
export function readPredictionType(
  config: ConfigReader,
  known: keyof typeof predictionTypes = "all",
): PredictionType {
  return config.choice<PredictionType>(
    "prediction_type",
    "epsilon",
    predictionTypes[known],
  );
}

/** How much of a noisy sample is signal and how much is noise, float32 values. */
export interface NoiseLevel {
  /** Weight of the clean sample. */
  readonly signal: number;
  /** Weight of the unit noise. */
  readonly noise: number;
}

/** The noise level of a value of alphasCumprod, rounded as diffusers rounds it. */
export function noiseLevel(alphaCumprod: number): NoiseLevel {
  return {
    signal: sqrt32(alphaCumprod),
    noise: sqrt32(Math.fround(1 - alphaCumprod)),
  };
}

/** The clean sample that a network's output implies; a new array. */
export function predictOriginal(
  predictionType: PredictionType,
  modelOutput: Float32Array,
  sample: Float32Array,
  { signal, noise }: NoiseLevel,
): Float32Array<ArrayBuffer> {
  switch (predictionType) {
    case "epsilon":
      return quotient(weightedSum([1, sample], [-noise, modelOutput]), signal);
    case "sample":
      return scaled(modelOutput, 1);
    case "v_prediction":
      return weightedSum([signal, sample], [-noise, modelOutput]);
    case "flow_prediction":
      return weightedSum([1, sample], [-noise, modelOutput]);
    default:
      return predictionType satisfies never;
  }
}

/** The noise that a network's output implies; it may be `modelOutput` itself. */
export function predictEpsilon(
  predictionType: PredictionType,
  modelOutput: Float32Array,
  sample: Float32Array,
  { signal, noise }: NoiseLevel,
): Float32Array {
  switch (predictionType) {
    case "epsilon":
      return modelOutput;
    case "sample":
      return quotient(weightedSum([1, sample], [-signal, modelOutput]), noise);
    case "v_prediction":
      return weightedSum([signal, modelOutput], [noise, sample]);
    case "flow_prediction":
      return weightedSum([1, sample], [signal, modelOutput]);
    default:
      return predictionType satisfies never;
  }
}
