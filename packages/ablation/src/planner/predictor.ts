// What a change will do to the picture, as the sweep's cells say it. A prediction: cells were measured one at a time.

import { mean } from "@phaseskip/metrics";
import type { CellRow } from "../cells/cells.js";
import { cellRules } from "../cells/cells.js";
import type { Change, Draft, UnitChange } from "./draft.js";
import { changeKey, extrapolated } from "./draft.js";
import type { StretchLoss } from "../forecast/computed-steps.js";
import { computedSteps, wholeStepsLoss } from "./whole-steps.js";

/** What leaving out whole calls of the Unet loses. */
export interface StretchModel {
  /** Steps of the run. */
  readonly steps: number;
  /** Of the steps between two calls. */
  readonly loss: StretchLoss;
}

/** What was measured in one window. */
interface Piece {
  readonly firstStep: number;
  readonly endStep: number;
  /** Mean `1 − SSIM`. */
  readonly loss: number;
  /** Share of the full run's multiply-accumulates. */
  readonly saved: number;
}

/** One thing done to one part, in all windows in which it was measured. */
interface Course {
  readonly make: (firstStep: number, endStep: number) => Change;
  /** Those that lie side by side, in order. */
  readonly bins: Piece[];
  /** All others, by `first-end`. */
  readonly whole: Map<string, Piece>;
}

/**
 * What a value that goes on as its last two did is taken to lose, in what one that stands still does, until a run says
 * otherwise: sweeps measure reuse alone.
 */
const extrapolatedShare = 0.5;

/** Reads cells as courses of loss over the run, one for each part and action. */
export class Predictor {
  readonly #courses = new Map<string, Course>();
  readonly #stretch: StretchModel | undefined;
  readonly #probes = new Map<string, { loss: number; saved: number }>();

  /**
   * @param cells of a sweep; those that put means in place of outputs are left out, as a plan cannot carry the means
   * @param stretch what leaving out whole calls of the Unet loses; without it that is not known
   */
  constructor(cells: readonly CellRow[], stretch?: StretchModel) {
    this.#stretch = stretch;
    for (const cell of cells) {
      if (cell.action === "mean") continue;
      const { window, macs, effects } = cell;
      const { firstStep, endStep } = window;
      const change = unitChange(cell, firstStep, endStep);
      const loss = Math.max(0, mean(effects.map(({ ssim }) => 1 - ssim)));
      const saved = macs.full > 0 ? macs.saved / macs.full : 0;
      const isBin = window.kind === "single";
      const measured = { firstStep, endStep, loss, saved };
      this.#add(change, measured, isBin);
      const other = extrapolated(change);
      const assumed = { ...measured, loss: loss * extrapolatedShare };
      if (other) this.#add(other, assumed, isBin);
    }
  }

  /** Adds what a run of one change alone gave: guidance and numbers of steps are in no cell. */
  addProbe(change: Change, loss: number, saved: number): void {
    this.#probes.set(changeKey(change), { loss, saved });
    if (change.kind === "steps") return;
    const { firstStep, endStep } = change;
    this.#add(change, { firstStep, endStep, loss, saved }, true);
  }

  /** Every change that cells and probes speak of: each course over every run of neighbouring windows. */
  changes(): Change[] {
    const found: Change[] = [];
    for (const { make, bins, whole } of this.#courses.values()) {
      bins.forEach((first, i) => {
        for (let j = i; j < bins.length; j++) {
          if (j > i && bins[j]!.firstStep !== bins[j - 1]!.endStep) break;
          found.push(make(first.firstStep, bins[j]!.endStep));
        }
      });
      for (const { firstStep, endStep } of whole.values())
        found.push(make(firstStep, endStep));
    }
    const distinct = new Map(found.map((one) => [changeKey(one), one]));
    return [...distinct.values()];
  }

  /** Predicted `1 − SSIM` of a change alone, at least 0; NaN where nothing like it was measured. */
  loss(change: Change): number {
    return this.#predict(change)?.loss ?? NaN;
  }

  /** Predicted share of multiply-accumulates that it saves alone: for a rough order, never for a cost. */
  saved(change: Change): number {
    return this.#predict(change)?.saved ?? 0;
  }

  /** Predicted `1 − SSIM` of several changes together: their sum, at most 1. */
  jointLoss(draft: Draft): number {
    const sum = draft.reduce((total, one) => total + (this.loss(one) || 0), 0);
    return Math.min(1, sum);
  }

  #add(
    change: Exclude<Change, { kind: "steps" }>,
    piece: Piece,
    isBin: boolean,
  ): void {
    const id = courseOf(change);
    const course = this.#courses.get(id) ?? {
      make: (firstStep: number, endStep: number): Change => ({
        ...change,
        firstStep,
        endStep,
      }),
      bins: [],
      whole: new Map<string, Piece>(),
    };
    this.#courses.set(id, course);
    if (isBin) {
      course.bins.push(piece);
      course.bins.sort((a, b) => a.firstStep - b.firstStep);
    } else course.whole.set(`${piece.firstStep}-${piece.endStep}`, piece);
  }

  #predict(change: Change): { loss: number; saved: number } | undefined {
    const probe = this.#probes.get(changeKey(change));
    if (probe || change.kind === "steps") return probe;
    const computed = computedSteps(change);
    if (computed) return this.#skipping(computed);
    const own = this.#courses.get(courseOf(change));
    if (own) return inWindow(own, change.firstStep, change.endStep);
    if (change.kind !== "unit" || change.every === undefined) return undefined;
    return this.#between(change, change.every);
  }

  /** What forecasting the whole output at all other steps loses and saves. */
  #skipping(computed: readonly number[]) {
    if (!this.#stretch) return undefined;
    const { steps, loss } = this.#stretch;
    const lost = wholeStepsLoss(computed, steps, loss);
    return { loss: Math.min(1, lost), saved: 1 - computed.length / steps };
  }

  /** A refresh that was not measured: in proportion to the steps at which the value is old, from the nearest one. */
  #between(change: UnitChange, every: number) {
    const known = [...this.#courses.values()]
      .map(({ make }) => make(change.firstStep, change.endStep))
      .filter(
        (one): one is UnitChange =>
          one.kind === "unit" &&
          one.unit === change.unit &&
          one.action === change.action &&
          one.every !== undefined,
      )
      .sort((a, b) => Math.abs(a.every! - every) - Math.abs(b.every! - every));
    const [nearest] = known;
    if (!nearest) return undefined;
    const course = this.#courses.get(courseOf(nearest))!;
    const { loss, saved } = inWindow(course, change.firstStep, change.endStep);
    const reused = (n: number) => 1 - 1 / n;
    return {
      loss: (loss * (every - 1)) / (nearest.every! - 1),
      saved: (saved * reused(every)) / reused(nearest.every!),
    };
  }
}

/** A cell as a change, for other steps than its own. */
function unitChange(
  cell: Pick<CellRow, "unit" | "units" | "action" | "refresh">,
  firstStep: number,
  endStep: number,
): UnitChange {
  return {
    kind: "unit",
    unit: cell.unit,
    action: cell.action,
    ...(cell.refresh && { every: cell.refresh.every }),
    rules: cellRules(cell),
    firstStep,
    endStep,
  };
}

/** What a change has in common with itself in other windows; the value that is kept makes no difference. */
function courseOf(change: Exclude<Change, { kind: "steps" }>): string {
  return change.kind === "guidance"
    ? `guidance ${JSON.stringify(change.policy)}`
    : `${change.unit} ${change.action} ${change.every ?? ""}`;
}

function inWindow({ bins, whole }: Course, first: number, end: number) {
  const exact = whole.get(`${first}-${end}`);
  if (exact) return exact;
  const pieces = bins.length > 0 ? bins : [...whole.values()].slice(0, 1);
  let [loss, saved] = [0, 0];
  for (const piece of pieces) {
    const inside =
      Math.min(end, piece.endStep) - Math.max(first, piece.firstStep);
    if (inside <= 0) continue;
    const share = inside / (piece.endStep - piece.firstStep);
    loss += piece.loss * share;
    saved += piece.saved * share;
  }
  return { loss: Math.min(1, loss), saved };
}
