// The response of the sampler to a random change of the Unet's output, and effects in units of it.
//
// Whatever is changed early is amplified by all later steps. That is the sampler's doing and belongs to no unit, so
// each effect is also told as a multiple of what a random change of equal norm does on the same steps.

import type { CellEffect, CellRow, ResponseRow } from "../cells/cells.js";
import { windowName } from "../cells/cells.js";

/** A measured point of the response: what a change of this norm does. */
export interface ResponsePoint {
  /** Norm of the change over that of the Unet's output, above 0. */
  readonly norm: number;
  /** What it does, from 0. */
  readonly effect: number;
}

/**
 * The effect of a random change of a norm: between two measured norms by a power law through both; below the lowest
 * by the power that small changes follow; above the highest by that of the highest two. Points without an effect
 * are not used.
 *
 * @param points in any order
 * @param norm above 0
 * @param power of small changes: 1 for a distance, 2 for `1 − SSIM`
 * @returns null where no point has an effect, or the norm is 0
 */
export function responseAt(
  points: readonly ResponsePoint[],
  norm: number,
  power: 1 | 2,
): number | null {
  const known = points
    .filter(({ effect }) => effect > 0)
    .sort((a, b) => a.norm - b.norm)
    .map((point) => ({
      x: Math.log(point.norm),
      y: Math.log(point.effect),
    }));
  const [first] = known;
  const last = known.at(-1);
  if (!first || !last || !(norm > 0)) return null;
  const x = Math.log(norm);
  if (x <= first.x || known.length === 1)
    return Math.exp(first.y + power * (x - first.x));
  const above = known.findIndex((point) => point.x >= x);
  const end = above < 0 ? known.length - 1 : above;
  const [a, b] = [known[end - 1]!, known[end]!];
  const slope = (b.y - a.y) / (b.x - a.x);
  if (above < 0) return Math.exp(last.y + Math.max(0, slope) * (x - last.x));
  return Math.exp(a.y + slope * (x - a.x));
}

/**
 * Cells with their effects in units of the response; null where a direction of its window is not among the rows.
 *
 * @param cells rows as measured
 * @param responses all that are known
 * @param directions in each window
 */
export function normaliseCells(
  cells: readonly CellRow[],
  responses: readonly ResponseRow[],
  directions: number,
): CellRow[] {
  const byWindow = new Map<string, ResponseRow[]>();
  for (const row of responses) {
    const name = windowName(row.window);
    byWindow.set(name, [...(byWindow.get(name) ?? []), row]);
  }
  return cells.map((cell) => {
    const rows = byWindow.get(windowName(cell.window)) ?? [];
    const effects = cell.effects.map((effect) => ({
      ...effect,
      normalised: rows.length === directions ? normalise(effect, rows) : null,
    }));
    return { ...cell, effects };
  });
}

/** Below this relative change of the Unet's output an effect is that of rounding, and so is its share of a response. */
const leastLocal = 1e-5;

/** A cell's normalised change of the final sample; null where there is none to speak of. */
export function normalisedChange({
  local,
  normalised,
}: Pick<CellEffect, "local" | "normalised">): number | null {
  return local < leastLocal ? null : (normalised?.relativeL2 ?? null);
}

function normalise(
  { pair, local, ssim, relativeL2 }: CellEffect,
  rows: readonly ResponseRow[],
): CellEffect["normalised"] {
  const points = rows.flatMap(({ effects }) =>
    effects.filter((effect) => effect.pair === pair),
  );
  const share = (
    effect: number,
    of: (point: (typeof points)[number]) => number,
    power: 1 | 2,
  ) => {
    const curve = points.map((point) => ({
      norm: point.norm,
      effect: of(point),
    }));
    const response = responseAt(curve, local, power);
    return response === null || response === 0 ? null : effect / response;
  };
  return {
    ssimLoss: share(1 - ssim, (point) => 1 - point.ssim, 2),
    relativeL2: share(relativeL2, (point) => point.relativeL2, 1),
  };
}
