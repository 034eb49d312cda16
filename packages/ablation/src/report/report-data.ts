// What a report says, in numbers: `report.json` beside the page, and what the page draws.

import {
  hierarchicalBootstrap,
  mean,
  median,
  type Estimate,
} from "@phaseskip/metrics";
import type {
  CellRow,
  ConvergedRow,
  EmergenceRow,
  FloorRow,
  ResponseRow,
} from "../cells.js";
import { leastAgreement } from "../converged.js";
import type { MeasuredUnit, SweepManifest } from "../manifest.js";
import { normalisedChange } from "../response.js";
import type { WindowKind } from "../windows.js";
import { rankUnits, rankingAgreement } from "../rankings.js";
import {
  findSweepPhases,
  type RunTime,
  type SweepPhases,
} from "../sweep-phases.js";

/** Everything a sweep wrote that a report needs. */
export interface SweepResults {
  /** `manifest.json`. */
  readonly manifest: SweepManifest;
  /** `cells.jsonl`, normalised. */
  readonly cells: readonly CellRow[];
  /** `responses.jsonl`. */
  readonly responses: readonly ResponseRow[];
  /** `floor.jsonl`. */
  readonly floors: readonly FloorRow[];
  /** `emergence.jsonl`. */
  readonly emergence: readonly EmergenceRow[];
  /** `converged.jsonl`; empty where there is none. */
  readonly converged: readonly ConvergedRow[];
}

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

/** Seeds per prompt from which intervals are given. */
const leastSeeds = 4;

/** Sums a sweep up. */
export function reportData(results: SweepResults): ReportData {
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
  const summary = (row: CellRow) => summarize(row, manifest, floor, whole);
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

/** The numbers of all cells as a table: a head line, then a cell a line, fields apart by commas. */
export function reportCsv(data: ReportData): string {
  const head =
    "unit,action,window,bin,first_step,end_step,loss,loss_lower,loss_upper,loss_p90,normalised,local,macs_saved,at_floor,helps,helps_lower,helps_upper";
  const rows = allCells(data).map((cell) => {
    const { unit, action, window, bin, firstStep, endStep, loss } = cell;
    return [
      ...[quoted(unit), quoted(action), window, bin, firstStep, endStep],
      ...[loss.value, loss.lower, loss.upper, cell.lossP90],
      ...[cell.normalised ?? "", cell.local, cell.saved],
      cell.isAtFloor,
      ...(cell.helps
        ? [cell.helps.value, cell.helps.lower, cell.helps.upper]
        : ["", "", ""]),
    ].join(",");
  });
  return [head, ...rows, ""].join("\n");
}

const quoted = (text: string) =>
  /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;

function summarize(
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

type Acting = Pick<CellRow, "action" | "refresh">;

/** An action's name in a report. */
function actionName({ action, refresh }: Acting): string {
  return refresh ? `${action} every ${refresh.every}` : action;
}

function describeAction({ action, refresh }: Acting): string {
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
