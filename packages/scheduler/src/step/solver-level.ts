// A noise level as the solvers in log signal-to-noise ratio see it.

import { sqrt32 } from "../float32.js";
import type { NoiseLevel } from "./prediction.js";

const f = Math.fround;

/** Signal, noise, and the logarithm of their ratio, float32 values. */
export interface SolverLevel extends NoiseLevel {
  /** λ = log(signal / noise); Infinity without noise. */
  readonly logSnr: number;
}

/**
 * The level of a sigma.
 *
 * @param sigma a float32 value, not negative
 * @param isFlow whether signal and noise are 1 − σ and σ; else σ is their ratio
 */
export function solverLevel(sigma: number, isFlow: boolean): SolverLevel {
  const signal = isFlow ? f(1 - sigma) : f(1 / sqrt32(f(f(sigma * sigma) + 1)));
  const noise = isFlow ? sigma : f(sigma * signal);
  return withLogSnr({ signal, noise });
}

/** Adds the logarithm of the ratio. */
export function withLogSnr({ signal, noise }: NoiseLevel): SolverLevel {
  return { signal, noise, logSnr: f(f(Math.log(signal)) - f(Math.log(noise))) };
}
