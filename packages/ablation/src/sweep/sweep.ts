// A sweep: full runs of all pairs, then row after row, each handed over as soon as it is whole.

import { median, type Picture } from "@phaseskip/metrics";
import type {
  ChannelMeans,
  Study,
  StudyDraw,
} from "@phaseskip/runtime/internals";
import type { ConvergedRow, ReferenceRow } from "../cells/cells.js";
import { rowKey } from "../cells/cells.js";
import { measureConverged } from "./converged.js";
import { measureFloor } from "./floor.js";
import type { JournalEntry } from "./journal.js";
import type { Pair } from "../cells/manifest.js";
import type { Measured, Subject } from "./measure.js";
import { measureCells, measureResponses, studyWindow } from "./measure.js";
import { Reference } from "./reference.js";
import type { WorkItem } from "../cells/work.js";
import {
  convergedCalls,
  emergenceName,
  itemCalls,
  rowsOf,
} from "../cells/work.js";

/** What a sweep runs on, and what becomes of its rows. */
export interface SweepRequest {
  /** The model. */
  readonly study: Study;
  /** Opens the same model on another build of ONNX Runtime, where there is a floor of that source; the sweep closes it. */
  readonly openOther?: () => Promise<Study>;
  /** Opens the same model under DDIM with a number of steps, where converged paths are asked for. */
  readonly openConverged?: (steps: number) => Promise<Study>;
  /** Steps of the converged path, from 2; 0 is none. @default 0 */
  readonly convergedSteps?: number;
  /** All items of the sweep, other shards' too: they decide how the Unet is cut. */
  readonly items: readonly WorkItem[];
  /** Those to measure. */
  readonly mine: readonly WorkItem[];
  /** The pairs of the manifest. */
  readonly pairs: readonly Pair[];
  /** By `Pair.prompt`; null for a model that takes no text. */
  readonly prompts: readonly string[] | null;
  /** Names of the rows that are there already. */
  readonly done: ReadonlySet<string>;
  /** Keeps a row; what it throws ends the sweep. */
  readonly keep: (
    entry: JournalEntry,
    pictures: readonly Picture[],
  ) => Promise<void>;
  /** Given the full runs, by pair, before anything else is measured. */
  readonly onReferences?: (
    rows: readonly ReferenceRow[],
    pictures: readonly Picture[],
  ) => Promise<void>;
  /** Given the converged paths, by pair, where there are any. */
  readonly onConverged?: (rows: readonly ConvergedRow[]) => Promise<void>;
  /** Given the means that `mean` puts in place of outputs, where a cell does. */
  readonly onMeans?: (means: ChannelMeans) => Promise<void>;
  /** Called after each call of the Unet, or after each row, with what is done and what there is to do. */
  readonly onProgress?: (progress: SweepProgress) => void;
}

/** How far a sweep is. */
export interface SweepProgress {
  /** What is being measured. */
  readonly row: string;
  /** Calls of the Unet so far, in this process. */
  readonly calls: number;
  /** Calls of the Unet in all, in this process. */
  readonly total: number;
  /** Time so far, in ms. */
  readonly milliseconds: number;
}

/** What a sweep took. */
export interface SweepTotals {
  /** Calls of the Unet. */
  readonly calls: number;
  /** From the first full run's first step to the last row, in ms. */
  readonly milliseconds: number;
  /** Median time of a call in the full runs, in ms. */
  readonly callMilliseconds: number;
  /** Mean time of a call over the whole sweep, in ms: under the load that the rest of it saw, too. */
  readonly meanCallMilliseconds: number;
  /** Of these, what the other build of ONNX Runtime took, whose calls are another matter. */
  readonly other: { readonly calls: number; readonly milliseconds: number };
  /** What the user should know of the prompts, in sentences. */
  readonly warnings: readonly string[];
}

/**
 * Measures a sweep, or what is left of it.
 *
 * @throws {PhaseskipError} the model's errors; rows that were kept stay kept
 */
export async function runSweep(request: SweepRequest): Promise<SweepTotals> {
  const { study, items, pairs, done, onProgress = () => undefined } = request;
  const steps = study.scheduler.timesteps.length;
  const todo = request.mine
    .map((item) => remaining(item, done, pairs.length))
    .filter((item) => item !== undefined);
  if (todo.length === 0)
    return {
      ...{ calls: 0, milliseconds: 0, warnings: [] },
      ...{ callMilliseconds: 0, meanCallMilliseconds: 0 },
      other: { calls: 0, milliseconds: 0 },
    };
  const cells = items.flatMap((item) =>
    item.kind === "cells" ? item.cells : [],
  );
  await study.prepare(cells.map(studyWindow));
  const total =
    pairs.length *
    todo.reduce(
      (sum, item) => sum + itemCalls(item, steps).planned,
      steps + convergedCalls(request.convergedSteps ?? 0),
    );
  const begun = performance.now();
  let calls = 0;
  const show = (row: string) =>
    onProgress({ row, calls, total, milliseconds: performance.now() - begun });
  const subjects: Subject[] = [];
  const times: number[] = [];
  try {
    const averaged = new Set(
      cells.flatMap(({ action, units }) => (action === "mean" ? units : [])),
    );
    const collect =
      averaged.size > 0 ? study.collectMeans([...averaged]) : undefined;
    for (const [index, pair] of pairs.entries()) {
      const onStep = (milliseconds: number) => {
        times.push(milliseconds);
        calls++;
        show("full runs");
      };
      const draw = drawOf(request, pair);
      const reference = await Reference.measure(study, draw, onStep, collect);
      subjects.push({ index, pair, reference });
    }
    const means = collect?.means();
    if (means) {
      await study.setMeans(means);
      await request.onMeans?.(means);
    }
    await showReferences(request, subjects);
    const { openConverged, convergedSteps = 0 } = request;
    if (openConverged && convergedSteps > 0) {
      const rows = await measureConverged(
        {
          steps: convergedSteps,
          open: openConverged,
          drawOf: (pair) => drawOf(request, pair),
          onStep: () => {
            calls++;
            show("converged paths");
          },
        },
        subjects,
      );
      await request.onConverged?.(rows);
    }
    let other = { calls: 0, milliseconds: 0 };
    for (const item of todo) {
      const start = performance.now();
      await measureRows(request, item, subjects, show);
      const own = pairs.length * itemCalls(item, steps).planned;
      calls += own;
      if (item.kind === "floor" && item.source === "backend")
        other = { calls: own, milliseconds: performance.now() - start };
    }
    const inUnet = sumOf(subjects, (run) => run.milliseconds);
    const texts = subjects.flatMap(({ reference }) => reference.run.warnings);
    return {
      calls,
      milliseconds: performance.now() - begun,
      callMilliseconds: median(times),
      meanCallMilliseconds: inUnet / callsOf(subjects),
      other,
      warnings: [...new Set(texts)],
    };
  } finally {
    for (const { reference } of subjects) reference.run.dispose();
  }
}

async function showReferences(
  { onReferences }: SweepRequest,
  subjects: readonly Subject[],
): Promise<void> {
  await onReferences?.(
    subjects.map(({ index, reference }) => ({
      reference: `reference/${String(index).padStart(4, "0")}`,
      pair: index,
      projections: reference.projections(),
    })),
    subjects.map(({ reference }) => reference.picture),
  );
}

/** Measures an item and keeps its rows, each as it comes. */
async function measureRows(
  request: SweepRequest,
  item: WorkItem,
  subjects: readonly Subject[],
  show: (row: string) => void,
): Promise<void> {
  let [start, calls] = [performance.now(), callsOf(subjects)];
  for await (const { row, pictures } of measureItem(request, item, subjects)) {
    const [now, all] = [performance.now(), callsOf(subjects)];
    if (!request.done.has(rowKey(row))) {
      await request.keep(
        { row, calls: all - calls, milliseconds: now - start },
        pictures,
      );
    }
    [start, calls] = [performance.now(), all];
    show(rowKey(row));
  }
}

function callsOf(subjects: readonly Subject[]): number {
  return sumOf(subjects, (run) => run.calls);
}

function sumOf(
  subjects: readonly Subject[],
  of: (run: Reference["run"]) => number,
): number {
  return subjects.reduce((sum, { reference }) => sum + of(reference.run), 0);
}

/** What is left of an item; of prefixes those that are there are measured again on the way, and not kept. */
function remaining(
  item: WorkItem,
  done: ReadonlySet<string>,
  pairs: number,
): WorkItem | undefined {
  const left = rowsOf(item, pairs).filter((row) => !done.has(row));
  if (left.length === 0) return undefined;
  if (item.kind === "cells")
    return {
      ...item,
      cells: item.cells.filter(({ cell }) => left.includes(cell)),
    };
  if (item.kind === "responses") {
    return {
      ...item,
      responses: item.responses.filter(({ response }) =>
        left.includes(response),
      ),
    };
  }
  return item;
}

function drawOf({ prompts }: SweepRequest, { prompt, seed }: Pair): StudyDraw {
  const text = prompts?.[prompt];
  return { seed, ...(text !== undefined && { prompt: text }) };
}

async function* measureItem(
  request: SweepRequest,
  item: WorkItem,
  subjects: readonly Subject[],
): AsyncGenerator<Measured<JournalEntry["row"]>> {
  switch (item.kind) {
    case "cells":
      yield* measureCells(request.study, item.cells, subjects);
      break;
    case "responses":
      yield* measureResponses(request.study, item.responses, subjects);
      break;
    case "floor":
      yield {
        row: await measureFloor(
          {
            ...(request.openOther && { openOther: request.openOther }),
            drawOf: (pair) => drawOf(request, pair),
          },
          item.source,
          subjects,
        ),
        pictures: [],
      };
      break;
    case "emergence":
      for (const { index, reference } of subjects) {
        const lowPassSsim = await reference.emergence();
        const row = {
          emergence: emergenceName(index),
          pair: index,
          lowPassSsim,
        };
        yield { row, pictures: [] };
      }
      break;
    default:
      item satisfies never;
  }
}
