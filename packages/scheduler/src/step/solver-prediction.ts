// What DPM-Solver makes of a network's output: a clean sample or noise, by the form of the solver.

import type { ConfigReader } from "../config/config-reader.js";
import { scaled, weightedSum } from "../float32.js";
import type { PredictionType } from "../scheduler.js";
import { dpmAlgorithms, isOfData } from "./dpm-coefficients.js";
import type { DpmAlgorithm } from "./dpm-coefficients.js";
import { predictEpsilon, predictOriginal } from "./prediction.js";
import type { NoiseLevel } from "./prediction.js";
import type { SampleBound } from "./sample-bound.js";

/** A network's output in a solver's terms. */
export interface SolverPrediction {
  /** What the solver's differences are made of; an array of its own. */
  readonly converted: Float32Array<ArrayBuffer>;
  /** The estimated clean sample; an array of its own. */
  readonly predOriginalSample: Float32Array<ArrayBuffer>;
}

/**
 * Reads a network's output.
 *
 * @param isData whether the solver works on clean samples
 * @param bound of the clean sample
 */
export function solverPrediction(
  predictionType: PredictionType,
  isData: boolean,
  bound: SampleBound | null,
  modelOutput: Float32Array,
  sample: Float32Array,
  level: NoiseLevel,
): SolverPrediction {
  if (isData) {
    const original = predictOriginal(
      predictionType,
      modelOutput,
      sample,
      level,
    );
    const predOriginalSample = bound?.(original) ?? original;
    return { converted: predOriginalSample.slice(), predOriginalSample };
  }
  const epsilon = predictEpsilon(predictionType, modelOutput, sample, level);
  if (bound === null) {
    // not by way of the noise: a small signal would magnify its rounding
    const predOriginalSample = predictOriginal(
      predictionType,
      modelOutput,
      sample,
      level,
    );
    return { converted: scaled(epsilon, 1), predOriginalSample };
  }
  const predOriginalSample = bound(
    predictOriginal("epsilon", epsilon, sample, level),
  );
  const converted = predictEpsilon("sample", predOriginalSample, sample, level);
  return { converted: scaled(converted, 1), predOriginalSample };
}

/**
 * Reads `algorithm_type`. DEIS's word stands for the default, as in diffusers; so do the forms
 * of other DPM-Solvers that this one lacks.
 *
 * @param known the forms that the class has
 */
export function readAlgorithm<T extends DpmAlgorithm>(
  config: ConfigReader,
  known: readonly T[],
): DpmAlgorithm {
  const given = config.choice<DpmAlgorithm | "deis">(
    "algorithm_type",
    "dpmsolver++",
    [...dpmAlgorithms, "deis"],
  );
  return known.find((form) => form === given) ?? "dpmsolver++";
}

/** Reads `solver_type`: the words of DEIS and UniPC stand for `midpoint`, as in diffusers. */
export function readSolverType(config: ConfigReader): "midpoint" | "heun" {
  const types = ["midpoint", "heun", "logrho", "bh1", "bh2"] as const;
  const type = config.choice("solver_type", "midpoint", types);
  return type === "heun" ? "heun" : "midpoint";
}

/**
 * Refuses a last sigma of 0 where the solver works on noise: its logarithm would be infinite.
 *
 * @throws {RangeError} If `final_sigmas_type` is `zero`.
 */
export function rejectZeroFinalSigma(
  config: ConfigReader,
  algorithm: DpmAlgorithm,
  finalSigma: number,
): void {
  if (isOfData(algorithm) || finalSigma !== 0) return;
  config.reject(
    "final_sigmas_type",
    `"sigma_min" where algorithm_type is "${algorithm}"`,
    "zero",
  );
}

/** Whether the network's output holds a variance beside the mean, for DPM-Solver's classes. */
export function hasLearnedVariance(
  config: ConfigReader,
  predictionType: PredictionType,
): boolean {
  const type = config.value("variance_type");
  return (
    predictionType === "epsilon" &&
    (type === "learned" || type === "learned_range")
  );
}

/** The prediction and its differences for a multistep solver, the newest prediction first. */
export function multistepDifferences(
  predictions: readonly Float32Array[],
  logSnrs: readonly number[],
  h: number,
): Float32Array[] {
  const f = Math.fround;
  const [m0, m1, m2] = predictions;
  if (!m1) return [m0!];
  const r0 = f(f(logSnrs[0]! - logSnrs[1]!) / h);
  const d1 = scaled(weightedSum([1, m0!], [-1, m1]), f(1 / r0));
  if (!m2) return [m0!, d1];
  const r1 = f(f(logSnrs[1]! - logSnrs[2]!) / h);
  const earlier = scaled(weightedSum([1, m1], [-1, m2]), f(1 / r1));
  const change = weightedSum([1, d1], [-1, earlier]);
  return [
    m0!,
    weightedSum([1, d1], [f(r0 / f(r0 + r1)), change]),
    scaled(change, f(1 / f(r0 + r1))),
  ];
}
