// What a sweep measures, and how its results are written: `cells.jsonl`, one cell a line.
//
//   cell      (unit, window, action, refresh): one thing done to one part of the Unet, for some steps
//   effect    what it changes, for one pair of a prompt and a seed
//
// Effects and MACs only, no times: the same sweep gives the same bytes however it is divided.

import type { Refresh, Rule } from "@phaseskip/runtime";
import { wrongAt } from "./form.js";
import { rowForms } from "./row-forms.js";
import type { Window } from "./windows.js";

/**
 * Families of actions, which are never mixed in one ranking: what remains of the Unet if the part were taken out;
 * what happens if it falls silent; what happens if its value grows stale.
 */
export type ActionFamily = "removal" | "lesion" | "reuse";

/**
 * What is done to a unit; each is one action of the plan language.
 *
 * | name           | family  | plan                                     |
 * | -------------- | ------- | ---------------------------------------- |
 * | `zeroResidual` | removal | `zero` with `"value": "residual"`         |
 * | `zero`         | lesion; removal for skips | `zero`                 |
 * | `bypass`       | lesion  | `bypass`                                 |
 * | `mean`         | lesion; removal for skips | `mean`                 |
 * | `reuse`        | reuse   | `reuse` with `"refresh": { "every": n }` |
 */
export type CellAction = "zeroResidual" | "zero" | "bypass" | "mean" | "reuse";

/** How often a cell's `reuse` computes its value anew, counted from the window's first step, which always does. */
export type CellRefresh = Extract<Refresh, { readonly every: number }>;

/** One thing done to one part of the Unet, for some steps. */
export interface Cell {
  /** Its name, unique in a sweep, and its place in the file: {@link cellKey}. */
  readonly cell: string;
  /**
   * The part: a unit's path; a skip's; `up_blocks.1.**.skip` for all skips of a level; `**.skip` for all skips;
   * `down_blocks.1 with skips` for a block and the skips that it feeds.
   */
  readonly unit: string;
  /** The part as the patterns of a plan's rule. */
  readonly units: readonly string[];
  /** The family of its action. */
  readonly family: ActionFamily;
  /** What is done. */
  readonly action: CellAction;
  /** For `reuse`; else null. */
  readonly refresh: CellRefresh | null;
  /** When it is done. */
  readonly window: Window;
}

/** What a cell changes, for one pair. */
export interface CellEffect {
  /** Index into the manifest's pairs. */
  readonly pair: number;
  /**
   * Relative L2 change of the guided output of the Unet at the window's first step at which the action changes
   * anything (for `reuse` the second), where both runs still have the same sample.
   */
  readonly local: number;
  /** SSIM of the final picture to the full model's, in [-1, 1]; 1 is no change. */
  readonly ssim: number;
  /** Relative L2 change of the final sample, before a VAE, unclipped. */
  readonly relativeL2: number;
  /** Share of the final sample's values outside `[-1, 1]`, in [0, 1]. */
  readonly clippedShare: number;
  /** The same end against the converged path of the same pair; null where the sweep has none. */
  readonly toConverged: EndEffect | null;
  /**
   * Effect over that of a random change of equal norm on the same steps; null where that is not measured yet (in a
   * shard whose response rows lie elsewhere: `merge` fills it in), or where either is too small to divide.
   */
  readonly normalised: {
    /** Of `1 − ssim`. */
    readonly ssimLoss: number | null;
    /** Of `relativeL2`. */
    readonly relativeL2: number | null;
  } | null;
}

/** How far the end of one run is from that of another. */
export interface EndEffect {
  /** SSIM of the final pictures, in [-1, 1]. */
  readonly ssim: number;
  /** Relative L2 distance of the final samples, before a VAE, unclipped. */
  readonly relativeL2: number;
}

/** What a cell costs. */
export interface CellMacs {
  /** Multiply-accumulates of the Unet in one full run of one pair: all steps, all contexts. */
  readonly full: number;
  /** Those that the cell's run saves, by the live graphs of its steps. */
  readonly saved: number;
}

/** A line of `cells.jsonl`. */
export interface CellRow extends Cell {
  /** What it costs. */
  readonly macs: CellMacs;
  /** One for each pair, in the manifest's order. */
  readonly effects: readonly CellEffect[];
}

/**
 * A line of `responses.jsonl`: what a random change of the Unet's output does, in one window, along one direction.
 * The sampler's own gain, which belongs to no unit.
 */
export interface ResponseRow {
  /** Its name: `response/<window>/<direction>`. */
  readonly response: string;
  /** When the output is changed. */
  readonly window: Window;
  /** Which direction, from 0. Its numbers are seeded by the row's name and the pair's seed. */
  readonly direction: number;
  /** One for each pair, in the manifest's order. */
  readonly effects: readonly ResponseEffect[];
}

/** What a random change does, for one pair. */
export interface ResponseEffect {
  /** Index into the manifest's pairs. */
  readonly pair: number;
  /** Norm of the change over that of the Unet's guided output, at each step of the window. */
  readonly norm: number;
  /** As in {@link CellEffect}. */
  readonly ssim: number;
  /** As in {@link CellEffect}. */
  readonly relativeL2: number;
}

/** A line of `floor.jsonl`: the full run again, changed in a way that should not matter. */
export interface FloorRow {
  /** Its name: `floor/noise` or `floor/backend`. */
  readonly floor: string;
  /** `noise`: a relative change of 1e-4 of the initial sample; `backend`: another build of ONNX Runtime. */
  readonly source: "noise" | "backend";
  /** One for each pair, in the manifest's order. */
  readonly effects: readonly Omit<ResponseEffect, "norm">[];
}

/** A line of `emergence.jsonl`: when the final picture's composition is there, in the full run of one pair. */
export interface EmergenceRow {
  /** Its name: `emergence/<pair>`. */
  readonly emergence: string;
  /** Index into the manifest's pairs. */
  readonly pair: number;
  /**
   * At each step: SSIM of the clean picture as it is predicted there to the final one, both blurred, in [-1, 1].
   */
  readonly lowPassSsim: readonly number[];
}

/**
 * A line of `references.jsonl`: what the full run of one pair gave, in a few numbers, by which shards from different
 * machines are compared.
 */
export interface ReferenceRow {
  /** Its name: `reference/<pair>`. */
  readonly reference: string;
  /** Index into the manifest's pairs. */
  readonly pair: number;
  /** The final sample's products with random vectors: two samples are as far apart as these are, about. */
  readonly projections: readonly number[];
}

/**
 * A line of `converged.jsonl`: the full run of one pair against its converged path, from the same noise. A cell that
 * is nearer to the converged path than the full run is one whose removal helps.
 */
export interface ConvergedRow extends EndEffect {
  /** Its name: `converged/<pair>`. */
  readonly converged: string;
  /** Index into the manifest's pairs. */
  readonly pair: number;
  /** SSIM of the path to that of half as many steps: below 0.99 it has not converged, and the pair is no evidence. */
  readonly agreement: number;
}

/** A result of any kind. */
export type SweepRow =
  CellRow | ResponseRow | FloorRow | EmergenceRow | ConvergedRow | ReferenceRow;

/**
 * A cell's name: `<unit>/<kind>:<first>-<end>/<action>[-<every>]`, steps with leading zeros. Its end is exclusive.
 *
 * @param cell all but its name
 */
export function cellKey(cell: Omit<Cell, "cell">): string {
  const { unit, window, action, refresh } = cell;
  const every = refresh ? `-${refresh.every}` : "";
  return `${unit}/${windowName(window)}/${action}${every}`;
}

/** A window's part of a name, such as `single:005-010`. */
export function windowName({ kind, firstStep, endStep }: Window): string {
  const padded = (step: number) => String(step).padStart(3, "0");
  return `${kind}:${padded(firstStep)}-${padded(endStep)}`;
}

/** The name of a row of any kind. */
export function rowKey(row: SweepRow): string {
  if ("cell" in row) return row.cell;
  if ("response" in row) return row.response;
  if ("floor" in row) return row.floor;
  if ("emergence" in row) return row.emergence;
  return "converged" in row ? row.converged : row.reference;
}

/**
 * A cell as the rules of a plan, without their phases. Skips have no shortcut: where the residuals of others are
 * zeroed, skips are zeroed whole.
 */
export function cellRules(
  cell: Pick<Cell, "units" | "action" | "refresh">,
): Rule[] {
  const { units, action, refresh } = cell;
  switch (action) {
    case "zeroResidual": {
      const skips = units.filter((unit) => unit.endsWith(".skip"));
      const others = units.filter((unit) => !unit.endsWith(".skip"));
      const rules: Rule[] = [
        { units: others, action: "zero", value: "residual" },
        { units: skips, action: "zero" },
      ];
      return rules.filter((rule) => rule.units.length > 0);
    }
    case "reuse":
      return [{ units, action: "reuse", refresh: refresh ?? { every: 2 } }];
    default:
      return [{ units, action }];
  }
}

/** Rows as the text of a file: sorted by name, in code-unit order, one a line. */
export function formatRows(rows: readonly SweepRow[]): string {
  const sorted = [...rows].sort((a, b) => (rowKey(a) < rowKey(b) ? -1 : 1));
  return sorted.map((row) => `${JSON.stringify(row)}\n`).join("");
}

/**
 * The rows of a file that {@link formatRows} wrote.
 *
 * @param text the file's contents
 * @param file its name, for messages
 * @throws {TypeError} If a line is no row, or a field of it is not what it must be.
 */
export function parseRows<T extends SweepRow>(text: string, file: string): T[] {
  return text.split("\n").flatMap((line, i) => {
    if (line === "") return [];
    const row = parseJson(line);
    if (!isRow(row)) {
      throw new TypeError(
        `Cannot read ${file} as every line must be a row of a sweep: line ${i + 1} is ${line.slice(0, 40)}`,
      );
    }
    const wrong = rowProblem(row);
    if (wrong === undefined) return [row as T];
    throw new TypeError(`Cannot read ${file} as in line ${i + 1} ${wrong}`);
  });
}

/** Whether a value is a row of some kind, whatever its fields hold. */
export function isRow(row: unknown): row is SweepRow {
  const isObject = typeof row === "object" && row !== null;
  return isObject && Object.keys(rowForms).some((name) => name in row);
}

/** What is wrong with a row's fields, in words; undefined where nothing is. */
export function rowProblem(row: SweepRow): string | undefined {
  const kind = Object.keys(rowForms).find((name) => name in row)!;
  return wrongAt(row, rowForms[kind]!);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
