// What `inspect --changes` measures: by how much units change from step to step, which `blockCache` takes.

import { hubRequest } from "../files/hub-options.js";
import { mean } from "@phaseskip/metrics";
import type { SchedulerName, UnetInputs } from "@phaseskip/runtime";
import { PlanStudy } from "@phaseskip/runtime/internals";
import type { CommandIo } from "../command-io.js";
import { schedulerChoice } from "../terminal/run-options.js";
import { formatTable } from "../terminal/table.js";

/** Runs to measure in. */
export interface ChangesArguments {
  /** One run each; none for a model that takes no text. */
  readonly prompt?: readonly string[];
  readonly steps?: number;
  readonly scheduler?: SchedulerName;
  readonly schedulerOption?: readonly string[];
}

/** How the model is loaded. */
interface LoadedAs {
  readonly dtype: string | undefined;
  readonly revision: string | undefined;
  readonly inputs: UnetInputs | undefined;
}

/** By unit and step, the relative change of what it adds to its input; the first step's is 0. */
export type Changes = Readonly<Record<string, readonly number[]>>;

/** Runs the whole model once for each prompt, from seeds 0, 1, …, and takes the mean of their changes. */
export async function measureRuns(
  location: string,
  { prompt, steps, ...sampler }: ChangesArguments,
  { signal }: CommandIo,
  { dtype, revision, inputs }: LoadedAs,
): Promise<Changes> {
  const scheduler = schedulerChoice(sampler.scheduler, sampler.schedulerOption);
  const study = await PlanStudy.open(location, {
    hub: hubRequest({ ...(revision !== undefined && { revision }) }),
    ...(dtype !== undefined && { dtype }),
    ...(inputs && { inputs }),
    ...(signal && { signal }),
  });
  try {
    const runs: Changes[] = [];
    for (const [i, text] of (prompt ?? [undefined]).entries()) {
      const options = {
        seed: i,
        ...(text !== undefined && { prompt: text }),
        ...(steps !== undefined && { numInferenceSteps: steps }),
        ...(scheduler && { scheduler }),
      };
      runs.push(await study.changes(options));
    }
    const average = (unit: string) =>
      runs[0]![unit]!.map((_, step) =>
        mean(runs.map((run) => run[unit]![step]!)),
      );
    const units = (await study.units()).filter((unit) => runs[0]![unit]);
    return Object.fromEntries(units.map((unit) => [unit, average(unit)]));
  } finally {
    await study.dispose();
  }
}

/** The changes for people: each unit's mean and its largest, and at which step that is. */
export function describeChanges(
  changes: Changes,
  { stdout }: CommandIo,
): string {
  const right = { align: "right" as const };
  const rows = Object.entries(changes).map(([unit, [, ...list]]) => {
    const most = list.length > 0 ? Math.max(...list) : 0;
    const step = list.length > 0 ? `${1 + list.indexOf(most)}` : "";
    const average = list.length > 0 ? mean(list) : 0;
    return [unit, average.toFixed(3), most.toFixed(3), step];
  });
  const columns = [
    { title: "change from step to step" },
    { title: "mean", ...right },
    { title: "largest", ...right },
    { title: "at step", ...right },
  ];
  return `\n${formatTable(columns, rows, { stream: stdout })}`;
}
