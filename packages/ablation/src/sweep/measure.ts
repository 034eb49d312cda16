// Measures one item of a sweep: rows that share a changed trajectory, for every pair.

import { relativeL2 } from "@phaseskip/metrics";
import type { Picture } from "@phaseskip/metrics";
import type {
  RestartPoint,
  Study,
  StudyWindow,
} from "@phaseskip/runtime/internals";
import { generator } from "@phaseskip/scheduler";
import type {
  Cell,
  CellEffect,
  CellRow,
  ResponseEffect,
  ResponseRow,
} from "../cells/cells.js";
import { cellRules } from "../cells/cells.js";
import type { Pair } from "../cells/manifest.js";
import type { Reference } from "./reference.js";
import type { Response } from "../cells/work.js";

/** A pair with its full run. */
export interface Subject {
  /** Its place in the manifest. */
  readonly index: number;
  readonly pair: Pair;
  readonly reference: Reference;
}

/** A row, and the pictures that its runs ended with, by pair. */
export interface Measured<Row> {
  readonly row: Row;
  readonly pictures: readonly Picture[];
}

/** A cell as a study runs it. */
export function studyWindow(
  cell: Pick<Cell, "units" | "action" | "refresh" | "window">,
): StudyWindow {
  const { firstStep, endStep } = cell.window;
  return { rules: cellRules(cell), firstStep, endStep };
}

/**
 * Measures cells of one unit and action: a single window, or all prefixes, which share their trajectory. Rows come
 * one by one, each as soon as it is whole.
 *
 * @throws {Error} If a run's output is not finite; the message names the cell, the cause is the run's error
 */
export async function* measureCells(
  study: Study,
  cells: readonly Cell[],
  subjects: readonly Subject[],
): AsyncGenerator<Measured<CellRow>> {
  const last = cells.at(-1)!;
  const steps = study.scheduler.timesteps.length;
  const isShared = last.window.kind === "prefix";
  const shared = subjects.map(({ reference }) => reference.points[0]!);
  const locals = subjects.map(() => 0);
  for (const cell of cells) {
    const window = studyWindow(isShared ? last : cell);
    const { firstStep, endStep } = cell.window;
    const localStep = firstStep + (cell.action === "reuse" ? 1 : 0);
    const effects: CellEffect[] = [];
    const pictures: Picture[] = [];
    for (const [i, { index, reference }] of subjects.entries()) {
      const from = isShared ? shared[i]! : reference.points[firstStep]!;
      const inWindow = await named(cell, () =>
        reference.run.advance(from, endStep, {
          window,
          keep: isShared,
          onStep: ({ before, modelOutput }) => {
            if (before.stepIndex !== localStep) return;
            locals[i] = relativeL2(modelOutput, reference.outputs[localStep]!);
          },
        }),
      );
      shared[i] = inWindow;
      const end = await named(cell, () =>
        reference.run.advance(withoutKept(inWindow), steps),
      );
      const { picture, ...final } = await reference.compare(end.sample);
      effects.push({
        pair: index,
        local: locals[i]!,
        ...final,
        normalised: null,
      });
      pictures.push(picture);
    }
    const macs = study.macs(studyWindow(cell));
    yield { row: { ...cell, macs, effects }, pictures };
  }
}

/** Measures responses along one direction: a single window, or all prefixes. */
export async function* measureResponses(
  study: Study,
  responses: readonly Response[],
  subjects: readonly Subject[],
): AsyncGenerator<Measured<ResponseRow>> {
  const steps = study.scheduler.timesteps.length;
  const isShared = responses[0]!.window.kind === "prefix";
  const shared = subjects.map(({ reference }) => reference.points[0]!);
  for (const { norm, seededBy, ...row } of responses) {
    const { firstStep, endStep } = row.window;
    const effects: ResponseEffect[] = [];
    for (const [i, { index, pair, reference }] of subjects.entries()) {
      const from = isShared ? shared[i]! : reference.points[firstStep]!;
      const known = from.stepIndex === firstStep;
      const direction = unitVector(
        `${seededBy}/${pair.prompt}/${pair.seed}`,
        reference.outputs[0]!.length,
      );
      const inWindow = await reference.run.advance(from, endStep, {
        ...(known && { knownOutput: reference.outputs[firstStep]! }),
        change: (output) => {
          const size = norm * length(output);
          return output.map((value, k) => value + size * direction[k]!);
        },
      });
      shared[i] = inWindow;
      const end = await reference.run.advance(inWindow, steps);
      const { ssim, relativeL2: distance } = await reference.compare(
        end.sample,
      );
      effects.push({ pair: index, norm, ssim, relativeL2: distance });
    }
    yield { row: { ...row, effects }, pictures: [] };
  }
}

/** A direction of norm 1, the same for the same name. */
function unitVector(name: string, count: number): Float32Array {
  const values = generator(seedOf(name)).randn(count);
  const norm = length(values);
  return values.map((value) => value / norm);
}

/** A seed from a name: 32-bit FNV-1a over its code units. */
function seedOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++)
    hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

function length(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
}

function withoutKept(point: RestartPoint): RestartPoint {
  return { ...point, kept: {} };
}

async function named<T>(cell: Cell, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof Error) || cause.name === "AbortError") throw cause;
    throw new Error(`Cannot measure the cell ${cell.cell}: ${cause.message}`, {
      cause,
    });
  }
}
