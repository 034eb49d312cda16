// The sigmas of EDM, and what the network is given and gives there.
//
//   Karras et al. 2022 (arXiv 2206.00364), table 1     here
//   σ_min, σ_max, ρ                                    sigma_min, sigma_max, rho
//   σ_data                                             sigma_data
//   c_skip, c_out, c_in, c_noise                       skip, out, 1 / inputScale, timesteps

import type { ConfigReader } from "../config/config-reader.js";
import { sqrt32, weightedSum } from "../float32.js";
import { linspace32 } from "./noise-schedule.js";
import { linspace } from "./timestep-spacing.js";

const f = Math.fround;

/** EDM's schedule and preconditioning. */
export interface EdmSigmas {
  /** Noise levels at each step, float32 values. */
  readonly sigmas: readonly number[];
  /** A quarter of their logarithm, what the network is given; sigma itself where the preconditioning is inside. */
  readonly timesteps: readonly number[];
  /** The timesteps of the least and the largest sigma. */
  readonly timestepRange: readonly [least: number, most: number];
  /** Timesteps of the training, by name only. */
  readonly numTrainTimesteps: number;
  /** Standard deviation of the first sample. */
  readonly initNoiseSigma: number;
  /** What the configuration calls the last sigma. */
  readonly sigmaMin: number;
  /** What the network predicts: the sign of c_out, or the clean sample where the preconditioning is inside. */
  readonly predictionType: "epsilon" | "v_prediction" | "sample";
  /** Factor of the network's input at a sigma; missing where there is none. */
  readonly inputFactor?: (sigma: number) => number;
  /** The clean sample that a network's output implies. */
  readonly original: (
    modelOutput: Float32Array,
    sample: Float32Array,
    sigma: number,
  ) => Float32Array<ArrayBuffer>;
}

/**
 * Reads EDM's schedule.
 *
 * @param isDouble whether Karras sigmas are taken in double precision, as EDM Euler does
 * @param isInside whether the graph holds the preconditioning
 * @throws {RangeError} If a value is out of range or unknown.
 */
export function edmSigmas(
  config: ConfigReader,
  count: number,
  isDouble: boolean,
  isInside: boolean,
): EdmSigmas {
  const min = config.number("sigma_min", 0.002, { min: 0 });
  const max = config.number("sigma_max", 80, { min: 0 });
  const data = config.number("sigma_data", 0.5);
  const rho = config.number("rho", 7);
  const numTrainTimesteps = config.number("num_train_timesteps", 1000, {
    min: 1,
    isInteger: true,
  });
  const schedule = config.choice("sigma_schedule", "karras", [
    "karras",
    "exponential",
  ]);
  const predictionType = config.choice("prediction_type", "epsilon", [
    "epsilon",
    "v_prediction",
  ]);
  const karras = () => {
    const [from, to] = [max ** (1 / rho), min ** (1 / rho)];
    if (isDouble)
      return linspace(0, 1, count).map(
        (ramp) => (from + ramp * (to - from)) ** rho,
      );
    return Array.from(
      linspace32(0, 1, count),
      (ramp) => f(f(from) + f(ramp * f(to - from))) ** rho,
    );
  };
  const exponential = () =>
    Array.from(linspace32(Math.log(min), Math.log(max), count), Math.exp)
      .map(f)
      .reverse();
  const sigmas = (schedule === "karras" ? karras() : exponential()).map(f);
  const variance = data ** 2;

  const timestepOf = (sigma: number) =>
    isInside ? sigma : f(0.25 * f(Math.log(sigma)));
  const shared = {
    sigmas,
    timesteps: sigmas.map(timestepOf),
    timestepRange: [timestepOf(f(min)), timestepOf(f(max))] as const,
    numTrainTimesteps,
    initNoiseSigma: Math.sqrt(max ** 2 + 1),
    sigmaMin: min,
  };
  if (isInside) {
    const original = (modelOutput: Float32Array) =>
      Float32Array.from(modelOutput);
    return { ...shared, predictionType: "sample", original };
  }
  return {
    ...shared,
    predictionType,
    inputFactor: (sigma) => f(1 / sqrt32(f(f(sigma * sigma) + variance))),
    original(modelOutput, sample, sigma) {
      const total = f(f(sigma * sigma) + variance);
      const size = f(f(sigma * f(data)) / sqrt32(total));
      const out = predictionType === "epsilon" ? size : -size;
      return weightedSum([f(f(variance) / total), sample], [out, modelOutput]);
    },
  };
}
