// `phaseskip inspect`: what a model is made of, and what a plan does to it.

import {
  summarizeUnits,
  costOf,
  nameIn,
  type UnitSummary,
} from "../inspection/unit-summary.js";
import type { Unet } from "@phaseskip/graph";
import type { PlanDescription } from "@phaseskip/runtime";
import {
  describeRun,
  dtypeOf,
  type Device,
  type PlannedRun,
} from "@phaseskip/runtime/internals";
import {
  describeChanges,
  measureRuns,
  type ChangesArguments,
} from "../inspection/changes.js";
import { writeJson, writeNotes, type CommandIo } from "../command-io.js";
import {
  formatCount,
  formatShare,
  formatTime,
} from "../terminal/format-count.js";
import {
  inspectModel,
  planRun,
  type ModelInspection,
} from "../inspection/model-inspection.js";
import { planArgument } from "../files/plan-argument.js";
import { predictTimes } from "../inspection/predict-times.js";
import { planCosts } from "../inspection/plan-costs.js";
import {
  drawShares,
  drawStrip,
  planStrips,
  stripLegend,
} from "../inspection/plan-strip.js";
import { formatTable } from "../terminal/table.js";

import {
  unetInputs,
  type UnetInputArguments,
} from "../terminal/unet-input-options.js";
import { speedNotes } from "../inspection/speed-notes.js";

/** The options of `inspect`, read. */
export interface InspectArguments extends ChangesArguments, UnetInputArguments {
  readonly plan?: string;
  /** Which of a network's files is read. */
  readonly dtype?: string;
  readonly revision?: string;
  readonly controlnet?: readonly string[];
  /** Whether the model is run to measure what `blockCache` takes. */
  readonly changes?: true;
  /** Units deeper than this are not listed; blocks are 1. */
  readonly depth: number;
  readonly json?: true;
  /** Whether a plan's time is predicted, for which its segments are run. */
  readonly time: boolean;
}

/** A plan on a model: what runs, what that costs, and where its time was measured. */
interface Planned {
  readonly run: PlannedRun;
  readonly description: PlanDescription;
  readonly device: Device | undefined;
}

/** Runs `phaseskip inspect MODEL`. */
export async function inspect(
  location: string,
  { input = [], constant = [], ...options }: InspectArguments,
  io: CommandIo,
): Promise<void> {
  const { plan, depth, json, time, changes, dtype, revision, ...others } =
    options;
  const { controlnet, ...runs } = others;
  const inputs = unetInputs({ input, constant });
  const [unused] = Object.keys(runs).map(kebabCase);
  if (unused !== undefined && !changes) {
    throw new TypeError(
      `Cannot inspect the model as --${unused} is of the runs that --changes measures: give --changes, too`,
    );
  }
  if (changes && controlnet) {
    throw new TypeError(
      "Cannot inspect the model as --changes measures the Unet without ControlNets: leave --controlnet out",
    );
  }
  const model = await inspectModel(
    location,
    io.signal,
    dtype,
    revision,
    inputs,
    controlnet,
  );
  try {
    const units = summarizeUnits(model.unet);
    const planned =
      plan === undefined
        ? undefined
        : await planOn(model, plan, time, io.signal);
    const changed =
      changes &&
      (await measureRuns(location, runs, io, { dtype, revision, inputs }));
    const notes = [
      ...model.index.warnings,
      ...model.unet.warnings,
      ...speedNotes(model.graph),
    ];
    const told = planned?.run.warnings ?? [];
    writeNotes(io, [...new Set([...notes, ...told])]);
    if (json) {
      const said = {
        ...summary(location, model, units, planned),
        warnings: notes,
      };
      writeJson(io, { ...said, ...(changed && { changes: changed }) });
    } else {
      io.stdout.write(describeUnits(model, units, depth, io));
      if (planned) io.stdout.write(describePlan(model, planned));
      if (changed) io.stdout.write(describeChanges(changed, io));
    }
  } finally {
    await model.folder.close();
  }
}

/** An option as it is given: `schedulerOption` is `scheduler-option`. */
function kebabCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

async function planOn(
  model: ModelInspection,
  plan: string,
  hasTimes: boolean,
  signal?: AbortSignal,
): Promise<Planned> {
  const run = await planRun(model, await planArgument(plan), signal);
  const timed = hasTimes ? await predictTimes(model, run, signal) : undefined;
  const description = await describeRun(
    run,
    timed && { maxScores: timed.device.maxScores, times: timed.times },
  );
  return { run, description, device: timed?.device };
}

/** What one call of the Unet is fed. */
function sampleShape({ shape, batch }: ModelInspection): readonly number[] {
  return [batch, ...shape.slice(1)];
}

function totals({ unet }: ModelInspection) {
  return costOf(
    unet,
    unet.graph.nodes.filter(({ index }) => !unet.dependencies.isFolded[index]),
  );
}

function summary(
  location: string,
  model: ModelInspection,
  units: readonly UnitSummary[],
  planned: Planned | undefined,
): object {
  const { index, unet } = model;
  return {
    model: location,
    pipeline: index.pipelineClass,
    unet: { file: index.unetPath, dtype: dtypeOf(unet.graph) },
    sampleShape: sampleShape(model),
    ...totals(model),
    units: units.filter(({ kind }) => kind !== "skip"),
    skips: units.filter(({ kind }) => kind === "skip"),
    ...(planned && { plan: planSummary(unet, planned) }),
  };
}

function planSummary(
  unet: Unet,
  { run, description, device }: Planned,
): object {
  return {
    name: run.plan.name ?? "unnamed",
    scheduler: run.scheduler.name,
    guidanceScale: run.guidanceScale,
    timesteps: run.scheduler.timesteps,
    macs: planCosts(run),
    contexts: planStrips(unet, run.schedule),
    ...(device && { device: device.kind, threads: device.threads }),
    description,
    warnings: run.warnings,
  };
}

function describeUnits(
  model: ModelInspection,
  units: readonly UnitSummary[],
  depth: number,
  { stdout }: CommandIo,
): string {
  const { index } = model;
  const { macs, parameters } = totals(model);
  const modules = units.filter(({ kind }) => kind !== "skip");
  const skips = units.filter(({ kind }) => kind === "skip");
  const depths = new Map([["", 0]]);
  // a unit stands in the list before those inside it
  for (const { path, parent } of modules)
    depths.set(path, 1 + (depths.get(parent) ?? 0));
  const listed = modules.filter(({ path }) => depths.get(path)! <= depth);
  const rows = listed.map((unit) => [
    "  ".repeat(depths.get(unit.path)! - 1) + nameIn(unit),
    unit.kind,
    shapeOf(unit),
    formatCount(unit.macs),
    formatCount(unit.parameters),
  ]);
  const right = { align: "right" as const };
  const columns = [
    { title: "unit" },
    { title: "kind" },
    { title: "output", ...right },
    { title: "MACs", ...right },
    { title: "parameters", ...right },
  ];
  const total = [formatCount(macs), formatCount(parameters)];
  const footer = [["whole Unet", "", sampleShape(model).join("×"), ...total]];
  const skipRows = skips.map((skip) => [
    skip.path,
    skip.from ?? "",
    shapeOf(skip),
  ]);
  const more =
    listed.length < modules.length
      ? `; ${listed.length} listed, --depth ${depth + 1} shows more`
      : "";
  return [
    `${index.pipelineClass}: ${modules.length} units, ${skips.length} skips${more}`,
    ...unetFile(model),
    "",
    formatTable(columns, rows, { footer, stream: stdout }),
    formatTable(
      [{ title: "skip" }, { title: "from" }, { title: "output", ...right }],
      skipRows,
      { stream: stdout },
    ),
  ].join("\n");
}

/** Which file the Unet is, where it is another than is usual. */
function unetFile({ index, graph }: ModelInspection): string[] {
  const [path, dtype] = [index.unetPath, dtypeOf(graph)];
  const isUsual = path === "unet/model.onnx" && dtype === "fp32";
  return isUsual ? [] : [`the Unet is ${path}, ${dtype}`];
}

function shapeOf({ outputs }: UnitSummary): string {
  const shape = outputs.at(-1)?.join("×") ?? "?";
  return outputs.length > 1 ? `${shape}, ${outputs.length - 1} more` : shape;
}

function describePlan(
  { unet }: ModelInspection,
  { run, description, device }: Planned,
): string {
  const { plan, scheduler, schedule, guidanceScale } = run;
  const costs = planCosts(run);
  const strips = planStrips(unet, schedule);
  const fullStep = costs.full / costs.steps.length;
  const shares = costs.steps.map((macs) => macs / fullStep);
  const [first, second] = strips;
  const isSame = JSON.stringify(first?.rows) === JSON.stringify(second?.rows);
  const drawn = (isSame ? [first!] : strips).flatMap((strip) => [
    "",
    isSame ? "cond and uncond" : strip.context,
    drawStrip(strip).trimEnd(),
  ]);
  return [
    "",
    `${plan.name ?? "unnamed"}: ${scheduler.name}, ${costs.steps.length} steps, guidance ${guidanceScale}, timesteps ${scheduler.timesteps[0]} to ${scheduler.timesteps.at(-1)}`,
    `${formatCount(costs.total)} of ${formatCount(costs.full)} MACs: ${formatShare(1 - costs.total / costs.full)} saved`,
    ...totalsOf(description, device),
    ...drawn,
    "",
    drawShares(shares).trimEnd(),
    "",
    stripLegend,
    "",
  ].join("\n");
}

/** Predicted time and memory; of an adaptive plan, what it comes to if it computes and if it reuses wherever it may. */
function totalsOf(
  { least, ...most }: PlanDescription,
  device: Device | undefined,
): string[] {
  const range = (show: (one: Omit<PlanDescription, "least">) => string) =>
    least ? `${show(least)} to ${show(most)}` : show(most);
  return [
    ...(least
      ? [
          `adaptive rules decide: ${range(({ macs }) => formatCount(macs))} MACs, drawn as if they computed`,
        ]
      : []),
    ...(device
      ? [
          `${range(({ milliseconds = NaN }) => formatTime(milliseconds))} in the Unet predicted: ${device.kind}, ${device.threads} ${device.threads === 1 ? "thread" : "threads"}`,
        ]
      : []),
    ...(most.pipelineMacs.total === most.macs
      ? []
      : [
          `${range(({ pipelineMacs }) => formatCount(pipelineMacs.total))} of ${formatCount(most.pipelineMacs.full)} MACs in the whole pipeline`,
        ]),
    `${range(({ peakCacheBytes }) => formatCount(peakCacheBytes))}B kept by the plan at most, ${formatCount(most.textBytes)}B of the text`,
    ...(most.memory
      ? [
          `${range(({ memory }) => formatCount(memory!.peak))}B of memory predicted at the peak`,
          `of these ${formatCount(most.memory.weights)}B weights, ${formatCount(most.memory.running)}B inside the largest part`,
        ]
      : []),
  ];
}
