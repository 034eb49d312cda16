// One step of a DPM-Solver as a weighted sum, for every form of the solver.
//
//   Lu et al. 2022 (arXiv 2206.00927, 2211.01095)     here
//   α_t, σ_t, λ_t                                     signal, noise, logSnr of a level
//   h = λ_t − λ_s                                     h
//   x_s, x_t                                          sample, what is returned
//   D_0, D_1, D_2                                     d0, d1, d2: differences of predictions
//   e^h − 1, 1 − e^(−h), 1 − e^(−2h)                  growth

import { sqrt32, weightedSum } from "../float32.js";
import type { SolverLevel } from "./solver-level.js";

const f = Math.fround;
const exp = (value: number) => f(Math.exp(value));

/** The forms: of the noise or (`++`) of the clean sample; deterministic or (`sde-`) with noise. */
export const dpmAlgorithms = [
  "dpmsolver",
  "dpmsolver++",
  "sde-dpmsolver",
  "sde-dpmsolver++",
] as const;

/** A form of the solver. */
export type DpmAlgorithm = (typeof dpmAlgorithms)[number];

/** Whether a form adds noise at every step. */
export function isStochastic(algorithm: DpmAlgorithm): boolean {
  return algorithm.startsWith("sde-");
}

/** Whether a form works on clean samples rather than on noise. */
export function isOfData(algorithm: DpmAlgorithm): boolean {
  return algorithm.endsWith("++");
}

/** What a step is made of. */
export interface DpmStep {
  /** The form. */
  readonly algorithm: DpmAlgorithm;
  /** Whether the first difference is weighted for its place (`midpoint`) or exactly (`heun`). */
  readonly solverType: "midpoint" | "heun";
  /** Level that the step starts from. */
  readonly from: SolverLevel;
  /** Level that it goes to. */
  readonly to: SolverLevel;
  /** The sample at `from`. */
  readonly sample: Float32Array;
  /** The prediction, and its first and second difference as far as the order goes. */
  readonly differences: readonly Float32Array[];
  /** Standard normal, for a stochastic form. */
  readonly noise: Float32Array;
}

/** The sample at `to`. */
export function dpmStep(step: DpmStep): Float32Array<ArrayBuffer> {
  const { from, to, sample, differences, noise } = step;
  const h = f(to.logSnr - from.logSnr);
  const weights = weightsOf(step, h);
  const [d0, d1, d2] = differences;
  const terms: (readonly [number, Float32Array])[] = [
    [weights.d0, d0!],
    ...(d1 ? [[weights.d1, d1] as const] : []),
    ...(d2 ? [[weights.d2, d2] as const] : []),
    ...(isStochastic(step.algorithm) ? [[weights.noise, noise] as const] : []),
  ];
  return weightedSum([weights.sample, sample], ...terms);
}

interface Weights {
  readonly sample: number;
  readonly d0: number;
  readonly d1: number;
  readonly d2: number;
  readonly noise: number;
}

function weightsOf(step: DpmStep, h: number): Weights {
  const { algorithm, from, to } = step;
  const isMidpoint = step.solverType === "midpoint" && !step.differences[2];
  switch (algorithm) {
    case "dpmsolver++": {
      const growth = f(exp(-h) - 1);
      const d0 = f(to.signal * growth);
      const first = f(f(growth / h) + 1);
      const second = f(f(f(growth + h) / f(h * h)) - 0.5);
      return {
        sample: f(to.noise / from.noise),
        d0: -d0,
        d1: isMidpoint ? -0.5 * d0 : f(to.signal * first),
        d2: -f(to.signal * second),
        noise: 0,
      };
    }
    case "dpmsolver": {
      const growth = f(exp(h) - 1);
      const d0 = f(to.noise * growth);
      const first = f(f(growth / h) - 1);
      const second = f(f(f(growth - h) / f(h * h)) - 0.5);
      return {
        sample: f(to.signal / from.signal),
        d0: -d0,
        d1: isMidpoint ? -0.5 * d0 : -f(to.noise * first),
        d2: -f(to.noise * second),
        noise: 0,
      };
    }
    case "sde-dpmsolver++": {
      const growth = f(1 - exp(-2 * h));
      const d0 = f(to.signal * growth);
      const first = f(f(growth / (-2 * h)) + 1);
      const twice = 2 * h;
      const second = f(f(f(growth - twice) / f(twice * twice)) - 0.5);
      return {
        sample: f(f(to.noise / from.noise) * exp(-h)),
        d0,
        d1: isMidpoint ? 0.5 * d0 : f(to.signal * first),
        d2: f(to.signal * second),
        noise: f(to.noise * sqrt32(growth)),
      };
    }
    case "sde-dpmsolver": {
      const growth = f(exp(h) - 1);
      const d0 = f(to.noise * growth);
      const first = f(f(growth / h) - 1);
      return {
        sample: f(to.signal / from.signal),
        d0: -2 * d0,
        d1: isMidpoint ? -d0 : -2 * f(to.noise * first),
        d2: 0,
        noise: f(to.noise * sqrt32(f(exp(2 * h) - 1))),
      };
    }
    default:
      return algorithm satisfies never;
  }
}
