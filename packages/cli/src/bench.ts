// `phaseskip bench`: what the executor costs beside ONNX Runtime alone, as ratios of interleaved pairs.

import { readdir } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import {
  bootstrapMedianRatio,
  median,
  type Estimate,
} from "@phaseskip/metrics";
import type { Plan } from "@phaseskip/runtime";
import { writeJson, type CommandIo } from "./command-io.js";
import { formatShare, formatTime } from "./format-count.js";
import { Measurement, type PlanTimes, type SegmentedTimes } from "./measure.js";
import {
  inspectModel,
  planRun,
  type ModelInspection,
} from "./model-inspection.js";
import { planArgument } from "./plan-argument.js";
import { planCosts } from "./plan-costs.js";
import { progress } from "./progress.js";
import { formatTable } from "./table.js";

/** The options of `bench`, read. */
export interface BenchArguments {
  /** Files and names. @default all that the model ships */
  readonly plans?: readonly string[];
  readonly json?: true;
}

/** One line of the result. */
interface Row extends SegmentedTimes {
  readonly name: string;
  /** What the ratio should not exceed. */
  readonly goal: number;
  /** The executor's time ÷ that of the raw session. */
  readonly ratio: Estimate;
}

interface PlanRow extends Row {
  /** Shares of the whole model's. */
  readonly saved: { readonly macs: number; readonly time: number };
}

const PAIRS = 30;
/** What plans act on most: blocks, and in them ResNets, attentions and samplers with their skips. */
const LAYERS =
  /^(\w+_block(s\.\d+)?(\.(resnets|attentions|\w+samplers)\.\d+)?(\.skip)?|conv_in)$/;

/** Runs `phaseskip bench MODEL`. */
export async function bench(
  location: string,
  { plans, json }: BenchArguments,
  io: CommandIo,
): Promise<void> {
  const { signal } = io;
  const shown = progress(io.stderr);
  const model = await inspectModel(location, signal);
  let rows: Row[];
  let planRows: PlanRow[];
  let threads: number;
  try {
    const chosen: (string | Plan)[] = [];
    for (const argument of plans ?? (await shippedPlans(location)))
      chosen.push(await planArgument(argument));
    if (!plans) chosen.push(...deepCacheLike(model));
    const runs = [];
    for (const plan of chosen) runs.push(await planRun(model, plan, signal));
    const measurement = await Measurement.open(model);
    threads = measurement.device.threads;
    try {
      const report = (label: string) => (done: number, total: number) => {
        signal?.throwIfAborted();
        shown.show(label, done, total, `${done} of ${total}`);
      };
      const units = [...model.unet.units.units.keys()];
      const layers = units.filter((path) => LAYERS.test(path));
      const nothing = await measurement.cutApart([], PAIRS, report("nothing"));
      rows = [
        row("a plan that does nothing", 1.02, nothing),
        row(
          "blocks, layers, skips apart",
          1.1,
          await measurement.cutApart(layers, PAIRS, report("layers apart")),
        ),
        row(
          "every unit apart",
          1.1,
          await measurement.cutApart(units, PAIRS, report("units apart")),
        ),
      ];
      planRows = [];
      for (const { plan, schedule } of runs) {
        const name = plan.name ?? "unnamed";
        const times = await measurement.plan(schedule, report(name));
        const costs = planCosts(model.unet, schedule, model.guidanceScale);
        planRows.push(planRow(name, times, 1 - costs.total / costs.full));
      }
    } finally {
      await measurement.close();
    }
  } finally {
    shown.clear();
    await model.folder.close();
  }
  const machine = {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    threads,
    node: process.version,
  };
  if (json) writeJson(io, { model: location, machine, rows, plans: planRows });
  else io.stdout.write(describe(rows, planRows, machine, io));
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
  const time = 1 - sum(times.ours) / sum(times.whole);
  return { ...row(name, 1.05, times), saved: { macs, time } };
}

/** Names of the plans in the folder's plans/, where it lies on disk. */
async function shippedPlans(location: string): Promise<string[]> {
  if (/^https?:/.test(location)) return [];
  const files = await readdir(join(location, "plans")).catch(() => []);
  return files
    .filter((file) => file.endsWith(".json"))
    .map((file) => file.slice(0, -".json".length))
    .sort();
}

/** DeepCache's choice: all but the outermost level is computed at every third step (arXiv 2312.00858). */
function deepCacheLike({ unet }: ModelInspection): Plan[] {
  const blocks = [...unet.units.units.keys()].filter((path) =>
    /^up_blocks\.\d+$/.test(path),
  );
  const inner = blocks.at(-2);
  if (inner === undefined) return [];
  return [
    {
      format: "phaseskip-plan",
      version: 1,
      name: "deepcache, every 3",
      phases: [],
      rules: [{ units: [inner], action: "reuse", refresh: { every: 3 } }],
    },
  ];
}

function describe(
  rows: readonly Row[],
  plans: readonly PlanRow[],
  machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly threads: number;
    readonly node: string;
  },
  { stdout }: CommandIo,
): string {
  const right = { align: "right" as const };
  const cells = ({ name, goal, ratio, ours, raw, segments }: Row) => [
    name,
    String(segments),
    formatTime(median(ours)),
    formatTime(median(raw)),
    ratio.value.toFixed(3),
    `${ratio.lower.toFixed(3)} to ${ratio.upper.toFixed(3)}`,
    `${ratio.lower <= goal ? "≤" : ">"} ${goal.toFixed(2)}`,
  ];
  const columns = (title: string) => [
    { title },
    { title: "sessions", ...right },
    { title: "step", ...right },
    { title: "raw", ...right },
    { title: "ratio", ...right },
    { title: "95 %", ...right },
    { title: "goal", ...right },
  ];
  const { cpu, cores, threads, node } = machine;
  const parts = [
    `WASM, ${threads} of ${cores} cores, ${cpu}, Node ${node}; medians of interleaved pairs\n`,
    formatTable(columns("÷ the file in one"), rows.map(cells), {
      stream: stdout,
    }),
  ];
  if (plans.length > 0) {
    const saved = plans.map(({ name, saved: { macs, time } }) => [
      name,
      formatShare(macs),
      formatShare(time),
      macs > 0 ? (time / macs).toFixed(2) : "",
    ]);
    const savedColumns = [
      { title: "saved by" },
      { title: "MACs", ...right },
      { title: "time", ...right },
      { title: "time ÷ MACs", ...right },
    ];
    parts.push(
      formatTable(columns("÷ its live nodes in one"), plans.map(cells), {
        stream: stdout,
      }),
      formatTable(savedColumns, saved, { stream: stdout }),
    );
  }
  return parts.join("\n");
}
