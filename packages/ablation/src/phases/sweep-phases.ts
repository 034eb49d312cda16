// The phases of a sweep: what findPhases says of its cells, in timesteps.

import { mean } from "@phaseskip/metrics";
import type { CellAction, CellRow } from "../cells/cells.js";
import type { SweepManifest } from "../cells/manifest.js";
import type { PhaseFinding, PhaseOptions } from "./phases.js";
import { findPhases } from "./phases.js";
import { normalisedChange } from "../sweep/response.js";

/** Bins from which phases are claimed; fewer show a course, and no more. */
export const leastBinsForPhases = 25;

/** Whether a finding is a claim, and not a hint. */
export function isPhaseClaim({ bins }: Pick<SweepPhases, "bins">): boolean {
  return bins >= leastBinsForPhases;
}

/** A time of the run. */
export interface RunTime {
  /** Step index. */
  readonly step: number;
  /** What the Unet is handed there. */
  readonly timestep: number;
  /** `log(ᾱ / (1 − ᾱ))` there. */
  readonly logSnr: number;
}

/** Where one phase ends and the next begins. */
export interface SweepBoundary {
  /** The first step of the next phase. */
  readonly at: RunTime;
  /** The interval's earlier end: the noisier one. */
  readonly lower: RunTime;
  /** Its later end. */
  readonly upper: RunTime;
}

/** The phases of one action. */
export interface SweepPhases extends Omit<PhaseFinding, "boundaries"> {
  /** What is done to the units. */
  readonly action: CellAction;
  /** The units whose rows were looked at: those with an effect in every bin, for every pair. */
  readonly units: readonly string[];
  /** What was left out and resampled: prompts, or seeds where there are fewer than 3 prompts. */
  readonly groupedBy: "prompts" | "seeds";
  /** Bins that were looked at: all but that of the last step; with fewer than {@link leastBinsForPhases} the finding is no claim. */
  readonly bins: number;
  /** Boundaries of the phases; empty unless the verdict is `phases`. */
  readonly boundaries: readonly SweepBoundary[];
}

/**
 * Looks for phases in a sweep's single bins, apart for each action, in the logarithm of the normalised change of the
 * final sample. Not of reuse: it changes a window's stale steps alone, whose share differs between windows of, say, 5
 * and 6 steps, where the random change that it is divided by changes all of them.
 *
 * @param manifest of the sweep
 * @param cells its cells, normalised
 * @throws {RangeError} If an option is out of range
 */
export function findSweepPhases(
  manifest: SweepManifest,
  cells: readonly CellRow[],
  options: PhaseOptions = {},
): SweepPhases[] {
  const byAction = new Map<CellAction, CellRow[]>();
  for (const cell of cells) {
    if (cell.window.kind !== "single" || cell.action === "reuse") continue;
    const { action } = cell;
    byAction.set(action, [...(byAction.get(action) ?? []), cell]);
  }
  return [...byAction.values()].flatMap((rows) => {
    const found = phasesOf(manifest, rows, options);
    return found ? [found] : [];
  });
}

function phasesOf(
  manifest: SweepManifest,
  cells: readonly CellRow[],
  options: PhaseOptions,
): SweepPhases | undefined {
  const last = manifest.timesteps.length - 1;
  // what is changed at the last step is the picture itself: by any unit as by noise
  const bins = [
    ...new Set(
      cells
        .filter(({ window }) => window.firstStep < last)
        .map(({ window }) => window.bin),
    ),
  ].sort((a, b) => a - b);
  if (bins.length === 0) return undefined;
  const firstSteps = bins.map(
    (bin) => cells.find(({ window }) => window.bin === bin)!.window.firstStep,
  );
  const { groupedBy, groups } = groupsOf(manifest);
  const units: string[] = [];
  const courses: number[][][] = groups.map(() => []);
  for (const unit of new Set(cells.map((cell) => cell.unit))) {
    const own = cells.filter((cell) => cell.unit === unit);
    const rows = groups.map((pairs) =>
      bins.map((bin) => {
        const cell = own.find(({ window }) => window.bin === bin);
        return cell ? logEffect(cell, pairs) : NaN;
      }),
    );
    if (!rows.flat().every(Number.isFinite)) continue;
    units.push(unit);
    rows.forEach((row, group) => courses[group]!.push(row));
  }
  if (units.length === 0) return undefined;
  const { boundaries, ...finding } = findPhases(courses, options);
  const timeOf = (bin: number): RunTime => {
    const step = Math.min(firstSteps[Math.round(bin)] ?? last, last);
    return {
      step,
      timestep: manifest.timesteps[step]!,
      logSnr: manifest.logSnr[step]!,
    };
  };
  return {
    action: cells[0]!.action,
    units,
    groupedBy,
    bins: bins.length,
    ...finding,
    boundaries: boundaries.map(({ at, lower, upper }) => ({
      at: timeOf(at),
      lower: timeOf(lower),
      upper: timeOf(upper),
    })),
  };
}

/** Indices of the pairs of each group. */
function groupsOf({ pairs }: SweepManifest) {
  const by = (key: "prompt" | "seed") =>
    [...new Set(pairs.map((pair) => pair[key]))].map((value) =>
      pairs.flatMap((pair, i) => (pair[key] === value ? [i] : [])),
    );
  const prompts = by("prompt");
  return prompts.length >= 3
    ? { groupedBy: "prompts" as const, groups: prompts }
    : { groupedBy: "seeds" as const, groups: by("seed") };
}

function logEffect({ effects }: CellRow, pairs: readonly number[]): number {
  const values = effects
    .filter(({ pair }) => pairs.includes(pair))
    .map((effect) => Math.log(normalisedChange(effect) ?? NaN));
  return values.length > 0 ? mean(values) : NaN;
}
