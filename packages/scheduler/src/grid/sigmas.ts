// Noise levels as diffusers' Euler and DPM-Solver schedulers hold them: sigma is the noise's
// standard deviation relative to the signal.
//
//   Karras et al. 2022 (arXiv 2206.00364)         here
//   σ                                             sigma
//   σ_min, σ_max, ρ of equation 5                 min, max, RHO

import type { ConfigReader } from "../config/config-reader.js";
import { sqrt32 } from "../float32.js";
import { linspace } from "./timestep-spacing.js";

const f = Math.fround;
const RHO = 7;

/** Sigma at every training timestep, ascending float32 values. */
export function sigmaTable(
  alphasCumprod: readonly number[],
): readonly number[] {
  return alphasCumprod.map((alpha) => sqrt32(f(f(1 - alpha) / alpha)));
}

/**
 * The noise schedule for samplers that work in sigma: with zero terminal SNR the last sigma
 * would be infinite, so diffusers puts the smallest positive float16 in alphasCumprod there.
 */
export function withFiniteSigmas(schedule: {
  readonly alphasCumprod: readonly number[];
  readonly isRescaled: boolean;
}): readonly number[] {
  const { alphasCumprod, isRescaled } = schedule;
  return isRescaled
    ? Object.freeze(alphasCumprod.with(-1, 2 ** -24))
    : alphasCumprod;
}

/**
 * Reads a table at a position between its entries, linearly, in double precision
 * (`numpy.interp`). Positions beyond the ends give the ends.
 */
export function interpolated(
  table: readonly number[],
  position: number,
): number {
  const below = Math.min(Math.max(Math.floor(position), 0), table.length - 1);
  const low = table[below]!;
  const high = table[below + 1];
  if (high === undefined || position <= below) return low;
  return (high - low) * (position - below) + low;
}

/**
 * Sigmas evenly spaced in their ρ-th root.
 *
 * @param max first sigma
 * @param min last sigma
 * @param count how many
 * @returns descending doubles
 */
export function karrasSigmas(
  max: number,
  min: number,
  count: number,
): number[] {
  const [from, to] = [max ** (1 / RHO), min ** (1 / RHO)];
  return linspace(0, 1, count).map(
    (ramp) => (from + ramp * (to - from)) ** RHO,
  );
}

/**
 * The timesteps at which sigmas are reached, linear in log sigma between two timesteps.
 *
 * Near-exact: NumPy takes the float32 logarithms of the table with an error of a few last bits.
 *
 * @param sigmas noise levels; beyond the table's ends they give the first or the last timestep
 * @param table of {@link sigmaTable}
 * @returns fractional timesteps
 */
export function timestepsOfSigmas(
  sigmas: readonly number[],
  table: readonly number[],
): number[] {
  const logs = table.map((sigma) => f(Math.log(sigma)));
  return sigmas.map((sigma) => {
    const logSigma = Math.log(Math.max(sigma, 1e-10));
    const reached = logs.findLastIndex((log) => logSigma >= log);
    const below = Math.min(Math.max(reached, 0), logs.length - 2);
    const low = logs[below]!;
    const high = logs[below + 1]!;
    const weight = Math.min(Math.max((low - logSigma) / f(low - high), 0), 1);
    return (1 - weight) * below + weight * (below + 1);
  });
}

/** The Karras range of a configuration, where it sets one; else the schedule's own. */
export function readSigmaRange(
  config: ConfigReader,
  own: { readonly min: number; readonly max: number },
): { readonly min: number; readonly max: number } {
  const read = (key: string, fallback: number) =>
    config.value(key) === null
      ? fallback
      : config.number(key, fallback, { min: 0 });
  return { min: read("sigma_min", own.min), max: read("sigma_max", own.max) };
}

/** Reads the noise that is left after the last step. */
export function readFinalSigma(
  config: ConfigReader,
  table: readonly number[],
): number {
  const type = config.choice("final_sigmas_type", "zero", [
    "zero",
    "sigma_min",
  ]);
  return type === "zero" ? 0 : table[0]!;
}

/** Refuses the ways to choose sigmas that diffusers knows beyond these. */
export function rejectOtherSigmas(
  config: ConfigReader,
  keys: readonly string[],
): void {
  for (const key of keys) {
    if (config.boolean(key, false))
      config.reject(key, "false (it is not implemented)", true);
  }
}

/** Index of a timestep in a list; of the second one where it is repeated; −1 if it is not there. */
export function indexOfTimestep(
  timesteps: readonly number[],
  timestep: number,
): number {
  const first = timesteps.indexOf(timestep);
  const second = timesteps.indexOf(timestep, first + 1);
  return second < 0 ? first : second;
}
