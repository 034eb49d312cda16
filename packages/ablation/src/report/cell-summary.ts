// One cell over all pairs, in numbers and in words.

import { hierarchicalBootstrap, mean, type Estimate } from "@phaseskip/metrics";
import type { CellRow } from "../cells/cells.js";
import type { SweepManifest } from "../cells/manifest.js";
import { normalisedChange } from "../sweep/response.js";
import type { WindowKind } from "../cells/windows.js";

/** A cell over all pairs. */
export interface CellSummary {
  /** The cell's name. */
  readonly cell: string;
  /** The part that was changed. */
  readonly unit: string;
  /** Name of its {@link ActionSummary}. */
  readonly action: string;
  /** The sort of its window. */
  readonly window: WindowKind;
  /** The window's bin, from 0, the noisiest. */
  readonly bin: number;
  /** Its first step index, inclusive. */
  readonly firstStep: number;
  /** Exclusive. */
  readonly endStep: number;
  /** `1 − SSIM` of the final picture: mean over pairs, with its interval where there are 4 seeds or more. */
  readonly loss: Estimate;
  /** The worst tenth of the pairs begins here: 90 % quantile of the loss. */
  readonly lossP90: number;
  /**
   * Relative L2 change of the final sample, in units of what a random change of equal norm does; null without, and
   * where the change is so small that both are but rounding.
   */
  readonly normalised: number | null;
  /** Relative L2 change of the Unet's guided output at the window's first step. */
  readonly local: number;
  /** Share of the run's multiply-accumulates that the cell saves, in [0, 1]. */
  readonly saved: number;
  /** Whether its effect is no more than the floor's: nothing is known of it but that it is small. */
  readonly isAtFloor: boolean;
  /**
   * How much nearer its pictures are to the converged path than the full model's: the mean difference of SSIM over
   * the pairs whose path has converged, with its interval. Above 0 the part does harm. Null where there are fewer
   * than 4 such pairs, or seeds.
   */
  readonly helps: Estimate | null;
}

/** Seeds per prompt from which intervals are given. */
const leastSeeds = 4;

/**
 * Sums a cell up.
 *
 * @param floor mean loss of what should not matter
 * @param whole SSIM of the full model's picture to the converged path, by pair, where there is one
 */
export function summarizeCell(
  cell: CellRow,
  { pairs, settings }: SweepManifest,
  floor: number,
  whole: ReadonlyMap<number, number>,
): CellSummary {
  const { unit, window, effects, macs } = cell;
  const hasInterval = settings.seeds >= leastSeeds;
  const estimate = (of: readonly { pair: number; value: number }[]) => {
    const groups = new Map<number, number[]>();
    for (const { pair, value } of of) {
      const { prompt } = pairs[pair]!;
      groups.set(prompt, [...(groups.get(prompt) ?? []), value]);
    }
    if (hasInterval)
      return hierarchicalBootstrap([...groups.values()], { draws: 2000 });
    const value = mean(of.map((one) => one.value));
    return { value, lower: value, upper: value };
  };
  const loss = estimate(
    effects.map(({ pair, ssim }) => ({ pair, value: 1 - ssim })),
  );
  const nearer = effects.flatMap(({ pair, toConverged }) => {
    const before = whole.get(pair);
    if (before === undefined || !toConverged) return [];
    return [{ pair, value: toConverged.ssim - before }];
  });
  const normalised = effects.flatMap((effect) => {
    const ratio = normalisedChange(effect);
    return ratio === null ? [] : [ratio];
  });
  const sorted = effects.map(({ ssim }) => 1 - ssim).sort((a, b) => a - b);
  return {
    cell: cell.cell,
    unit,
    action: actionName(cell),
    window: window.kind,
    bin: window.bin,
    firstStep: window.firstStep,
    endStep: window.endStep,
    loss,
    lossP90: sorted[Math.ceil(0.9 * sorted.length) - 1]!,
    normalised: normalised.length > 0 ? mean(normalised) : null,
    local: mean(effects.map(({ local }) => local)),
    saved: macs.saved / macs.full,
    isAtFloor: (hasInterval ? loss.lower : loss.value) <= floor,
    helps: hasInterval && nearer.length >= leastSeeds ? estimate(nearer) : null,
  };
}

type Acting = Pick<CellRow, "action" | "refresh">;

/** An action's name in a report. */
export function actionName({ action, refresh }: Acting): string {
  return refresh ? `${action} every ${refresh.every}` : action;
}

/** What an action does, in a sentence. */
export function describeAction({ action, refresh }: Acting): string {
  switch (action) {
    case "zeroResidual":
      return "Removal: what the unit adds to its input is left out; the input itself passes. A skip is zeroed.";
    case "zero":
      return "The unit hands on zeros: a lesion for a block, a removal for a skip.";
    case "bypass":
      return "Lesion: the unit hands on its main input, untouched.";
    case "mean":
      return "The unit hands on each channel’s mean over other runs at that timestep.";
    case "reuse":
      return `Reuse: the unit is computed at the window’s first step and every ${refresh!.every} steps, and its last value stands in between.`;
  }
  return action satisfies never;
}
