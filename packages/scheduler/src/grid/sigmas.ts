// Noise levels as diffusers' Euler and DPM-Solver schedulers hold them: sigma is the noise's
// standard deviation relative to the signal.
//
//   Karras et al. 2022 (arXiv 2206.00364)         here
//   σ                                             sigma
//   σ_min, σ_max, ρ of equation 5                 min, max, RHO
//
// Beta sigmas are Lee et al. 2024 (arXiv 2407.12173); exponential ones are k-diffusion's.

import type { ConfigReader } from "../config/config-reader.js";
import { sqrt32 } from "../float32.js";
import { betaQuantile } from "./beta-quantile.js";
import { numpyLog32 } from "./numpy-log.js";
import type { StepRequest } from "./step-request.js";
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

/** A rule that chooses sigmas between two ends, in place of evenly spaced timesteps. */
export type SigmaSpacing = keyof typeof spacingKeys;

const spacingKeys = {
  karras: "use_karras_sigmas",
  exponential: "use_exponential_sigmas",
  beta: "use_beta_sigmas",
} as const;

/**
 * Reads by which rule a configuration chooses its sigmas.
 *
 * @returns `null` where they are those of the timesteps
 * @throws {RangeError} If there are two such rules, or one beside timesteps from the caller.
 */
export function readSigmaSpacing(
  config: ConfigReader,
  { timesteps }: StepRequest,
): SigmaSpacing | null {
  const asked = (Object.keys(spacingKeys) as SigmaSpacing[]).filter((rule) =>
    config.boolean(spacingKeys[rule], false),
  );
  const [rule = null, other] = asked;
  if (other !== undefined) {
    const wanted = `false where ${spacingKeys[rule!]} is true`;
    config.reject(spacingKeys[other], wanted, true);
  }
  if (rule !== null && timesteps !== null) {
    config.reject(spacingKeys[rule], "false where timesteps are given", true);
  }
  return rule;
}

/**
 * Sigmas between two ends: even in their ρ-th root (`karras`), in their logarithm
 * (`exponential`), or denser at both ends (`beta`).
 *
 * @param spacing the rule
 * @param range first and last sigma
 * @param count how many
 * @returns descending doubles
 */
export function spacedSigmas(
  spacing: SigmaSpacing,
  { min, max }: SigmaRange,
  count: number,
): number[] {
  switch (spacing) {
    case "karras": {
      const [from, to] = [max ** (1 / RHO), min ** (1 / RHO)];
      return linspace(0, 1, count).map(
        (ramp) => (from + ramp * (to - from)) ** RHO,
      );
    }
    case "exponential":
      return linspace(Math.log(max), Math.log(min), count).map(Math.exp);
    case "beta":
      return linspace(0, 1, count).map(
        (ramp) => min + betaQuantile(1 - ramp) * (max - min),
      );
    default:
      return spacing satisfies never;
  }
}

/**
 * The timesteps at which sigmas are reached, linear in log sigma between two timesteps.
 *
 * @param sigmas noise levels; beyond the table's ends they give the first or the last timestep
 * @param table of {@link sigmaTable}
 * @returns fractional timesteps
 */
export function timestepsOfSigmas(
  sigmas: readonly number[],
  table: readonly number[],
): number[] {
  const logs = table.map(numpyLog32);
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

/** The ends between which sigmas are chosen. */
export interface SigmaRange {
  /** The last sigma. */
  readonly min: number;
  /** The first sigma. */
  readonly max: number;
}

/** The range of a configuration, where it sets one; else the schedule's own. */
export function readSigmaRange(
  config: ConfigReader,
  own: SigmaRange,
): SigmaRange {
  return {
    min: config.number("sigma_min", own.min, { min: 0 }),
    max: config.number("sigma_max", own.max, { min: 0 }),
  };
}

/** Reads the noise that is left after the last step: none, or a schedule's own last. */
export function readFinalSigma(config: ConfigReader, last: number): number {
  const type = config.choice("final_sigmas_type", "zero", [
    "zero",
    "sigma_min",
  ]);
  return type === "zero" ? 0 : last;
}
