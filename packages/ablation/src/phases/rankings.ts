// Units in the order of how much they matter in a window.

import { mean, spearman } from "@phaseskip/metrics";
import type { CellAction, CellRow } from "../cells/cells.js";
import { normalisedChange } from "../sweep/response.js";

/** Which cells are ranked: one action, one window. */
export interface RankingChoice {
  /** What is done to the units. */
  readonly action: CellAction;
  /** For `reuse`: how often the value is computed anew. */
  readonly every?: number;
  /** A window's name, such as `single:000-005`. @default the mean over all single bins */
  readonly window?: string;
  /**
   * `raw`: mean `1 − SSIM`, for what may be skipped when; `normalised`: in units of the sampler's response, for what
   * matters when.
   * @default "raw"
   */
  readonly effect?: "raw" | "normalised";
}

/** A unit and how much it matters. */
export interface RankedUnit {
  /** As in `Cell.unit`. */
  readonly unit: string;
  /** Mean effect over pairs and windows. */
  readonly effect: number;
}

/**
 * Ranks units, the one that matters most first; equal ones in the order of their names. Units without a finite
 * effect are left out.
 */
export function rankUnits(
  cells: readonly CellRow[],
  { action, every, window, effect = "raw" }: RankingChoice,
): RankedUnit[] {
  const byUnit = new Map<string, number[]>();
  for (const cell of cells) {
    const isChosen =
      cell.action === action &&
      (every === undefined || cell.refresh?.every === every) &&
      (window === undefined
        ? cell.window.kind === "single"
        : cell.cell.includes(`/${window}/`));
    if (!isChosen) continue;
    const values = cell.effects.map((one) =>
      effect === "raw" ? 1 - one.ssim : (normalisedChange(one) ?? NaN),
    );
    byUnit.set(cell.unit, [...(byUnit.get(cell.unit) ?? []), ...values]);
  }
  return [...byUnit]
    .map(([unit, values]) => ({ unit, effect: mean(values) }))
    .filter((ranked) => Number.isFinite(ranked.effect))
    .sort((a, b) => b.effect - a.effect || (a.unit < b.unit ? -1 : 1));
}

/**
 * How alike two rankings are: Spearman's correlation of the effects of the units that are in both. Where removal by
 * zeros and by means disagree, nothing is known about redundancy.
 *
 * @returns in [-1, 1]; NaN for fewer than 3 units in common
 */
export function rankingAgreement(
  a: readonly RankedUnit[],
  b: readonly RankedUnit[],
): number {
  const other = new Map(b.map(({ unit, effect }) => [unit, effect]));
  const common = a.filter(({ unit }) => other.has(unit));
  if (common.length < 3) return NaN;
  return spearman(
    common.map(({ effect }) => effect),
    common.map(({ unit }) => other.get(unit)!),
  );
}
