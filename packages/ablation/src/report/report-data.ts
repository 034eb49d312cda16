// What a report says, in numbers: `report.json` beside the page, and what the page draws.

import { mean, median } from "@phaseskip/metrics";
import type { CellRow, EmergenceRow, ResponseRow } from "../cells/cells.js";
import { checkRows } from "./check-rows.js";
import type { SweepResults } from "./sweep-results.js";
import { leastAgreement } from "../sweep/converged.js";
import type { MeasuredUnit, SweepManifest } from "../cells/manifest.js";
import { rankUnits, rankingAgreement } from "../phases/rankings.js";
import {
  findSweepPhases,
  type RunTime,
  type SweepPhases,
} from "../phases/sweep-phases.js";
import {
  actionName,
  describeAction,
  summarizeCell,
  type CellSummary,
} from "./cell-summary.js";

/** All cells of one action, which share a colour scale. */
export interface ActionSummary {
  /** Such as `zero`, `reuse every 5`. */
  readonly name: string;
  /** What is done, in words. */
  readonly description: string;
  /** In the order of the file. */
  readonly cells: readonly CellSummary[];
  /** Undefined for `reuse`, of which none are looked for. */
  readonly phases: SweepPhases | undefined;
}

/** The sampler's own response to a random change of the Unet's output, in one bin. */
export interface GainPoint {
  /** From 0, the noisiest. */
  readonly bin: number;
  /** Relative L2 change of the final sample over the change's relative norm. */
  readonly gain: number;
}

/** When full runs have the composition of their final picture: a check on phases in which nothing is taken out. */
export interface Emergence {
  /** By step: the share of runs whose predicted clean picture, blurred, is near to the final one. */
  readonly shares: readonly number[];
  /** From here on nine runs in ten are, for good; null where that is at no step. */
  readonly onset: RunTime | null;
}

/** A report's numbers. */
export interface ReportData {
  /** What was measured, on what. */
  readonly manifest: SweepManifest;
  /** Bins in the order of the run: first step and end, exclusive, and the timestep of the first. */
  readonly bins: readonly {
    readonly firstStep: number;
    readonly endStep: number;
    readonly timestep: number;
  }[];
  /** Parts with a cell, in the order of the Unet. */
  readonly units: readonly MeasuredUnit[];
  /** One for each action and refresh. */
  readonly actions: readonly ActionSummary[];
  /** Cells of windows that are no single bins. */
  readonly others: readonly CellSummary[];
  /** In the order of the run; empty where no response was measured. */
  readonly gain: readonly GainPoint[];
  /** Null where no full run was followed. */
  readonly emergence: Emergence | null;
  /** Share of the final samples' values outside of [-1, 1], median over cells and pairs, in [0, 1]. */
  readonly clippedShare: number;
  /** Largest mean loss of what should not matter. */
  readonly floor: number;
  /** Spearman's correlation of the rankings of skips zeroed and of skips replaced by means; null without both. */
  readonly zeroMeanAgreement: number | null;
  /** Pairs whose converged path agrees with that of half as many steps; null where none was run. */
  readonly convergedPairs: number | null;
}

/** A composition is there where the blurred pictures' SSIM is this. */
export const leastLowPass = 0.9;

/** Of the runs, how many must have it. */
const leastRuns = 0.9;

/** Order of actions on the page: what is left out first, what grows stale last. */
const actionOrder = ["zeroResidual", "zero", "mean", "bypass", "reuse"];

/**
 * Sums a sweep up.
 * @throws {RangeError} If rows are not of the manifest
 */
export function reportData(results: SweepResults): ReportData {
  checkRows(results);
  const { manifest, cells, responses, floors, emergence, converged } = results;
  const whole = new Map(
    converged
      .filter(({ agreement }) => agreement >= leastAgreement)
      .map(({ pair, ssim }) => [pair, ssim]),
  );
  const floor = Math.max(
    0,
    ...floors.map(({ effects }) => mean(effects.map(({ ssim }) => 1 - ssim))),
  );
  const single = cells.filter(({ window }) => window.kind === "single");
  const others = cells.filter(({ window }) => window.kind !== "single");
  const summary = (row: CellRow) => summarizeCell(row, manifest, floor, whole);
  const phases = findSweepPhases(manifest, single);
  const byAction = new Map<string, CellRow[]>();
  const ordered = [...single].sort(
    (a, b) => actionOrder.indexOf(a.action) - actionOrder.indexOf(b.action),
  );
  for (const cell of ordered) {
    const name = actionName(cell);
    byAction.set(name, [...(byAction.get(name) ?? []), cell]);
  }
  const actions = [...byAction].map(([name, rows]): ActionSummary => {
    const [first] = rows;
    return {
      name,
      description: describeAction(first!),
      cells: rows.map(summary),
      phases: phases.find(({ action }) => action === first!.action),
    };
  });
  const bins = new Map(
    single.map(({ window }) => [
      window.bin,
      {
        firstStep: window.firstStep,
        endStep: window.endStep,
        timestep: manifest.timesteps[window.firstStep]!,
      },
    ]),
  );
  // groups of skips would rank high under both, whatever their members do
  const skips = new Set(
    manifest.measured
      .filter(({ kind }) => kind === "skip")
      .map(({ unit }) => unit),
  );
  const skipRanking = (action: "zero" | "mean") =>
    rankUnits(
      single.filter(({ unit }) => skips.has(unit)),
      { action },
    );
  const agreement = rankingAgreement(skipRanking("zero"), skipRanking("mean"));
  return {
    manifest,
    bins: [...bins].sort(([a], [b]) => a - b).map(([, bin]) => bin),
    units: manifest.measured.filter(({ unit }) =>
      single.some((cell) => cell.unit === unit),
    ),
    actions,
    others: others.map(summary),
    gain: gains(responses),
    emergence: emergenceOf(manifest, emergence),
    floor,
    clippedShare: median(
      single.flatMap(({ effects }) =>
        effects.map(({ clippedShare }) => clippedShare),
      ),
    ),
    convergedPairs: converged.length > 0 ? whole.size : null,
    zeroMeanAgreement: Number.isNaN(agreement) ? null : agreement,
  };
}

/** The cells of every action, then those of other windows. */
export function allCells({ actions, others }: ReportData): CellSummary[] {
  return [...actions.flatMap(({ cells }) => cells), ...others];
}

function gains(responses: readonly ResponseRow[]): GainPoint[] {
  const byBin = new Map<number, number[]>();
  for (const { window, effects } of responses) {
    if (window.kind !== "single") continue;
    const values = effects.map(({ relativeL2, norm }) => relativeL2 / norm);
    byBin.set(window.bin, [...(byBin.get(window.bin) ?? []), ...values]);
  }
  return [...byBin]
    .sort(([a], [b]) => a - b)
    .map(([bin, values]) => ({ bin, gain: mean(values) }));
}

function emergenceOf(
  { timesteps, logSnr }: SweepManifest,
  runs: readonly EmergenceRow[],
): Emergence | null {
  if (runs.length === 0) return null;
  const shares = timesteps.map((_, step) =>
    mean(
      runs.map(({ lowPassSsim }) => Number(lowPassSsim[step]! >= leastLowPass)),
    ),
  );
  const step = shares.findLastIndex((share) => share < leastRuns) + 1;
  const timestep = timesteps[step];
  return {
    shares,
    onset:
      timestep === undefined ? null : { step, timestep, logSnr: logSnr[step]! },
  };
}
