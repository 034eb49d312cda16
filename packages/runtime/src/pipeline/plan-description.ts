// What a run will do and cost, before it runs.

import type { Segment } from "@phaseskip/graph";
import { elementCount, partition } from "@phaseskip/graph";
import type { Schedule, ScheduledStep } from "../schedule/scheduled.js";
import type { DeviceKind } from "../device/device.js";
import { cachedScores } from "../device/device.js";
import { cacheBytes } from "../unet/cache-bytes.js";
import { compileProgram } from "../unet/program.js";
import { weightHolding } from "../unet/weight-holding.js";
import type { MemoryDescription } from "./memory.js";
import { describeMemory } from "./memory.js";
import { callsPerContext, RunCosts, runsAnything } from "./costs.js";
import type { PipelineMacs } from "./network-costs.js";
import { pipelineMacs } from "./network-costs.js";
import type { PlannedRun } from "./planned-run.js";
import type { ContextReport, StepReport } from "./report.js";
import { contextActs } from "./report.js";

/** What one context will do at one step. */
export interface ContextDescription extends Omit<
  ContextReport,
  "milliseconds"
> {
  /** Predicted time in the Unet, in ms; missing where the device was not asked. */
  readonly milliseconds?: number;
  /** What the plan keeps on the device once this context has run, in bytes. */
  readonly cacheBytes: number;
}

/** What will happen at one step. */
export interface StepDescription extends Omit<StepReport, "contexts"> {
  /** One for each context that runs. */
  readonly contexts: readonly ContextDescription[];
}

/** What a run will do. */
export interface PlanDescription {
  /** The plan's name; `"none"` without one. */
  readonly plan: string;
  /** The sampler's short name. */
  readonly scheduler: string;
  /** Steps of the schedule. */
  readonly numInferenceSteps: number;
  /** Guidance weight; 1 is off. */
  readonly guidanceScale: number;
  /** Paths of the model's units, in the Unet's order: what a plan can name, and what published methods ask for. */
  readonly units: readonly string[];
  /** Sessions that the Unet will be cut into. */
  readonly segments: number;
  /** Step by step, in running order. Where adaptive rules are to decide, they compute at every step. */
  readonly steps: readonly StepDescription[];
  /** Multiply-accumulates of the Unet in the whole run. */
  readonly macs: number;
  /** What the whole Unet would cost at every step, in both contexts where guidance is on. */
  readonly fullMacs: number;
  /** The same with the exact savings: what depends on the text or on the timestep alone is computed once. */
  readonly exactMacs: number;
  /** `1 − macs / fullMacs`. */
  readonly macsSaved: number;
  /** The same with the pipeline's other networks, which a plan leaves as they are. */
  readonly pipelineMacs: PipelineMacs;
  /** Predicted time in the Unet, in ms; missing where the device was not asked. */
  readonly milliseconds?: number;
  /** The most that the plan keeps on the device between two calls of the Unet, in bytes. */
  readonly peakCacheBytes: number;
  /** What depends on the text alone and is kept for the whole run, in bytes: the exact savings' part. */
  readonly textBytes: number;
  /** What the run takes at its peak, as far as it lies in the machine's own memory; missing on a GPU. */
  readonly memory?: MemoryDescription;
  /** The other bound, where adaptive rules are to decide: they reuse wherever they may. */
  readonly least?: PlanDescription;
  /** What is odd about the plan on this run, though not wrong. */
  readonly warnings: readonly string[];
}

/** What a description may be told of the device. */
export interface DescribedDevice {
  /** Where it runs. @default "wasm" */
  readonly kind?: DeviceKind;
  /** Whether it keeps float16 as it is. @default false */
  readonly hasHalf?: boolean;
  /** The largest tensor that it can hold, in bytes. @default Infinity */
  readonly maxTensorBytes?: number;
  /** Elements that one attention's scores may have at once. @default what WASM has */
  readonly maxScores?: number;
  /** How long segments take, in ms. @default not known */
  readonly times?: ReadonlyMap<string, number>;
}

/** Describes a run that is laid out. */
export async function describeRun(
  run: PlannedRun,
  device: DescribedDevice = {},
): Promise<PlanDescription> {
  const { schedule } = run;
  const most = describeSteps(run, await decided(schedule, Infinity), device);
  if (!schedule.adaptive) return most;
  const least = describeSteps(run, await decided(schedule, 0), device);
  return { ...most, least };
}

/** A run's steps; adaptive rules decide as if their probes changed by so much at every step. */
async function decided(
  { steps, adaptive }: Schedule,
  change: number,
): Promise<readonly ScheduledStep[]> {
  if (!adaptive) return steps;
  const run = adaptive();
  const all: ScheduledStep[] = [];
  for (const step of steps) {
    const contexts = [];
    for (const { context } of step.contexts) {
      contexts.push(
        await run.context(context, step.stepIndex, () =>
          Promise.resolve(change),
        ),
      );
    }
    all.push({ ...step, contexts });
  }
  return all;
}

function describeSteps(
  run: PlannedRun,
  steps: readonly ScheduledStep[],
  {
    kind = "wasm",
    hasHalf = false,
    maxTensorBytes = Infinity,
    maxScores = cachedScores,
    times,
  }: DescribedDevice,
): PlanDescription {
  const { unet, schedule, chunkCount, contexts, isPaired } = run;
  const { maxSegmentBytes } = weightHolding({ kind, hasHalf }, unet.graph);
  const parts = partition(
    unet,
    schedule.signatures,
    maxSegmentBytes,
    maxScores,
  );
  // a pair goes by its first context, whose values have both contexts' rows
  const keeping = isPaired
    ? steps.map((step) => ({ ...step, contexts: step.contexts.slice(0, 1) }))
    : steps;
  const { signatures } = schedule;
  const caches = cacheBytes(unet, signatures, parts, keeping, hasHalf);
  const costs = new RunCosts(run);
  const clock = times && new Clock(run, parts.segments, times);
  const outputBytes = 4 * elementCount(run.shape);
  let deltas = 0;
  const described = steps.map((step, i): StepDescription => {
    const macs = costs.step(step);
    const spent = clock?.step(step);
    const kept = caches.steps[i]!;
    // what guidance keeps is there until the last step that takes it
    if (step.keepsDelta) deltas++;
    const delta = deltas * outputBytes;
    deltas -= step.dropsDeltas?.length ?? 0;
    return {
      stepIndex: step.stepIndex,
      timestep: step.timestep,
      guidanceScale: step.guidanceScale ?? 1,
      ...(step.deltaAge !== undefined && { deltaAge: step.deltaAge }),
      contexts: step.contexts.map((scheduled, c) => ({
        ...contextActs(scheduled),
        macs: macs[c]!,
        ...(spent && { milliseconds: spent[c]! }),
        cacheBytes: kept[isPaired ? 0 : c]! * chunkCount + delta,
      })),
    };
  });
  const all = described.flatMap(({ contexts }) => contexts);
  const begun = new Set(all.map(({ context }) => context));
  const texts = [...begun].reduce((sum, one) => sum + run.textRuns[one], 0);
  const { macs } = costs;
  const fullMacs = costs.full(contexts.length);
  const peakCacheBytes = Math.max(...all.map((one) => one.cacheBytes));
  const textBytes = caches.text * texts;
  const kept = peakCacheBytes + textBytes;
  return {
    plan: run.plan.name ?? "unnamed",
    scheduler: run.scheduler.name,
    numInferenceSteps: run.scheduler.numInferenceSteps,
    guidanceScale: run.guidanceScale,
    units: [...unet.units.units.keys()],
    segments: parts.segments.length,
    steps: described,
    macs,
    fullMacs,
    exactMacs: costs.exact(contexts.length),
    macsSaved: 1 - macs / fullMacs,
    pipelineMacs: pipelineMacs(run.networks, run.shape[0], { macs, fullMacs }),
    ...(clock && {
      milliseconds: all.reduce((sum, one) => sum + one.milliseconds!, 0),
    }),
    peakCacheBytes,
    textBytes,
    ...(kind !== "webgpu" && {
      memory: describeMemory(
        run,
        { kind, hasHalf, maxTensorBytes },
        parts,
        kept,
      ),
    }),
    warnings: run.warnings,
  };
}

/** Adds up segments' times as a run's steps need them. */
class Clock {
  readonly #run: PlannedRun;
  readonly #segments: readonly Segment[];
  readonly #times: ReadonlyMap<string, number>;
  #timestep = NaN;

  constructor(
    run: PlannedRun,
    segments: readonly Segment[],
    times: ReadonlyMap<string, number>,
  ) {
    this.#run = run;
    this.#segments = segments;
    this.#times = times;
  }

  /** Time of a step by context; what depends on the timestep alone counts in its first, as it does in a report. */
  step({ timestep, contexts }: ScheduledStep): number[] {
    const { unet, schedule } = this.#run;
    const calls = callsPerContext(this.#run, contexts.length);
    const partition = { segments: this.#segments };
    return contexts.map(({ signature, stores, reads }) => {
      const live = schedule.signatures[signature]!;
      const { runs } = compileProgram(
        unet,
        partition,
        live,
        stores,
        reads,
        true,
      );
      const spent = this.#sum(
        runs.flatMap((one) => (one.kind === "segment" ? [one.segment] : [])),
      );
      const once = this.#segments.filter(({ kind }) => kind === "timestep");
      const isNew = runsAnything(live) && timestep !== this.#timestep;
      if (isNew) this.#timestep = timestep;
      return spent * calls + (isNew ? this.#sum(once) : 0);
    });
  }

  #sum(segments: readonly Segment[]): number {
    return segments.reduce((sum, { key }) => sum + this.#times.get(key)!, 0);
  }
}
