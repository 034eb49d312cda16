// What the executor costs beside ONNX Runtime alone: the numbers of `phaseskip bench`, in Node and in a browser.

import { bootstrapMedianRatio, type Estimate } from "@phaseskip/metrics";
import type { Plan } from "@phaseskip/runtime";
import { Measurement, type PlanTimes, type SegmentedTimes } from "./measure.js";
import {
  planRun,
  type ModelInspection,
} from "../inspection/model-inspection.js";
import { planCosts } from "../inspection/plan-costs.js";

/** One line of the result. */
export interface Row extends SegmentedTimes {
  readonly name: string;
  /** What the ratio should not exceed. */
  readonly goal: number;
  /** The executor's time ÷ that of the raw session. */
  readonly ratio: Estimate;
}

/** One plan's line. */
export interface PlanRow extends Row {
  /** Shares of the whole model's, in [0, 1]. */
  readonly saved: { readonly macs: number; readonly time: number };
}

const PAIRS = 30;
/** What plans act on most: blocks, and in them ResNets, attentions and samplers with their skips. */
const LAYERS =
  /^(\w+_block(s\.\d+)?(\.(resnets|attentions|\w+samplers)\.\d+)?(\.skip)?|conv_in)$/;

/** What was measured. */
export interface BenchRows {
  /** WASM threads. */
  readonly threads: number;
  /** The whole Unet, uncut and cut, against the file in one session. */
  readonly rows: readonly Row[];
  /** Each plan's steps against their live nodes in one session. */
  readonly plans: readonly PlanRow[];
}

/**
 * Measures one model on WASM.
 * @param plans names that the model ships, and plans
 * @param onPair told of every pair
 */
export async function benchRows(
  model: ModelInspection,
  plans: readonly (string | Plan)[],
  onPair: (label: string, done: number, total: number) => void,
  signal?: AbortSignal,
): Promise<BenchRows> {
  const runs = [];
  for (const plan of plans) runs.push(await planRun(model, plan, signal));
  const measurement = await Measurement.open(model);
  try {
    const report = (label: string) => (done: number, total: number) => {
      signal?.throwIfAborted();
      onPair(label, done, total);
    };
    const cut = (paths: readonly string[], label: string) =>
      measurement.cutApart(paths, PAIRS, report(label));
    const units = [...model.unet.units.units.keys()];
    const layers = units.filter((path) => LAYERS.test(path));
    const rows = [
      row("nothing skipped", 1.02, await cut([], "nothing")),
      row("layers, skips apart", 1.1, await cut(layers, "layers apart")),
      row("every unit apart", 1.1, await cut(units, "units apart")),
    ];
    const planRows: PlanRow[] = [];
    for (const run of runs) {
      const { plan, schedule } = run;
      const name = plan.name ?? "unnamed";
      const times = await measurement.plan(schedule, report(name));
      const costs = planCosts(run);
      planRows.push(planRow(name, times, 1 - costs.total / costs.full));
    }
    return { threads: measurement.device.threads, rows, plans: planRows };
  } finally {
    await measurement.close();
  }
}

function row(
  name: string,
  goal: number,
  { ours, raw, segments }: SegmentedTimes,
): Row {
  const ratio = bootstrapMedianRatio(ours, raw);
  return { name, goal, segments, ratio, ours, raw };
}

function planRow(name: string, times: PlanTimes, macs: number): PlanRow {
  const sum = (list: readonly number[]) =>
    list.reduce((total, time) => total + time, 0);
  const time = 1 - sum(times.all) / sum(times.whole);
  return { ...row(name, 1.05, times), saved: { macs, time } };
}
