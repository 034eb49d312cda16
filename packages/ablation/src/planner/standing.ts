// Where one set of pictures stands beside another, drawn on the same pairs.

import {
  hierarchicalBootstrap,
  holm,
  mean,
  median,
  pairedBootstrap,
  quantile,
} from "@phaseskip/metrics";
import type { DifferenceEstimate } from "@phaseskip/metrics";

/** Within this difference of mean SSIM two plans are as good as each other. */
export const tieMargin = 0.005;

/** Below this SSIM a pair has become another picture. */
export const otherPicture = 0.7;

/** SSIM on a split, summed up. */
export interface SplitSummary {
  /** Prompts. */
  readonly prompts: number;
  /** Pairs of a prompt and a seed. */
  readonly pairs: number;
  /** Mean SSIM. */
  readonly mean: number;
  /** Its 95 % interval by a hierarchical bootstrap over prompts, then seeds; null for fewer than 4 pairs. */
  readonly interval: readonly [lower: number, upper: number] | null;
  /** Median SSIM. */
  readonly median: number;
  /** The SSIM that a tenth of the pairs stays below. */
  readonly p10: number;
  /** Share of the pairs that became another picture. */
  readonly otherPicture: number;
}

/** How a plan stands against a rival. */
export type Verdict = "wins" | "ties" | "undecided" | "loses";

/** A comparison on the same pairs. */
export interface Standing {
  /** Difference of mean SSIM, the plan's less the rival's, with its 95 % interval. */
  readonly difference: DifferenceEstimate;
  /** The p-value after Holm's correction over all comparisons. */
  readonly adjusted: number;
  /** What that says. */
  readonly verdict: Verdict;
}

/** Sums SSIM up, by prompt, then by seed. */
export function summarise(ssim: readonly (readonly number[])[]): SplitSummary {
  const all = ssim.flat();
  const estimate = all.length >= 4 ? hierarchicalBootstrap(ssim) : undefined;
  return {
    prompts: ssim.length,
    pairs: all.length,
    mean: mean(all),
    interval: estimate ? [estimate.lower, estimate.upper] : null,
    median: median(all),
    p10: quantile(all, 0.1),
    otherPicture: all.filter((one) => one < otherPicture).length / all.length,
  };
}

/** The bound that a choice goes by: the interval's lower end; of few pairs the least SSIM of all. */
export function lowerBound(ssim: readonly (readonly number[])[]): number {
  const { interval } = summarise(ssim);
  return interval ? interval[0] : Math.min(...ssim.flat());
}

/**
 * Compares a plan with rivals on the same pairs. It wins or loses where the 95 % interval of the difference, and its
 * p-value after Holm's correction, exclude 0; else it ties where the interval lies within ±0.005.
 *
 * @param comparisons SSIM by prompt, then by seed, of the plan and of a rival
 */
export function standings(
  comparisons: readonly {
    readonly plan: readonly (readonly number[])[];
    readonly rival: readonly (readonly number[])[];
  }[],
): Standing[] {
  const differences = comparisons.map(({ plan, rival }) =>
    pairedBootstrap(plan, rival),
  );
  const adjusted = holm(differences.map(({ pValue }) => pValue));
  return differences.map((difference, i) => ({
    difference,
    adjusted: adjusted[i]!,
    verdict: verdictOf(difference, adjusted[i]!),
  }));
}

function verdictOf(
  { lower, upper }: DifferenceEstimate,
  adjusted: number,
): Verdict {
  if (lower > 0 && adjusted < 0.05) return "wins";
  if (upper < 0 && adjusted < 0.05) return "loses";
  return lower >= -tieMargin && upper <= tieMargin ? "ties" : "undecided";
}
