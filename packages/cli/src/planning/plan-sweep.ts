// The sweeps that a plan is made from, read and checked.

import { join } from "node:path";
import {
  actionName,
  parseManifest,
  parseRows,
  type CellRow,
  type Grid,
  type ResponseRow,
  type SweepManifest,
} from "@phaseskip/ablation";
import type { PlanStudy } from "@phaseskip/runtime/internals";
import type { StudySampler } from "./plan-runner.js";
import { readText } from "../sweep/sweep-folder.js";
import type { SchedulerName } from "@phaseskip/runtime";

/** What a plan is made from: one finished sweep, or several of one model and sampler as one. */
export interface PlanSweep {
  /** What their cells were measured with. */
  readonly identity: SweepManifest["identity"];
  /** The steps that were swept, noisiest first. */
  readonly timesteps: readonly number[];
  /** Every text that was swept. */
  readonly prompts: readonly string[];
  readonly cells: readonly CellRow[];
  /** What the sampler makes of random changes; empty where the sweep does not hold them. */
  readonly responses: readonly ResponseRow[];
  /** The sampler that was swept under. */
  readonly sampler: StudySampler;
}

/**
 * Reads sweeps.
 * @throws {RangeError} If a folder holds none, or one that is not finished, or is empty, or is one of several shards;
 *   if two are not of the same model and sampler, or have done the same to the same part
 */
export async function readSweeps(
  folders: readonly string[],
): Promise<PlanSweep> {
  const [first, ...others] = await Promise.all(folders.map(readSweep));
  if (!first) throw new RangeError("Cannot plan from no sweep: give a folder");
  return others.reduce(
    (all, next, i) => joined(all, next, folders.slice(0, i + 2)),
    first,
  );
}

async function readSweep(folder: string): Promise<PlanSweep> {
  const fail = (wanted: string) =>
    new RangeError(`Cannot plan from ${folder} as it must ${wanted}`);
  const text = await readText(join(folder, "manifest.json"));
  if (text === undefined)
    throw fail("be the folder of a sweep: it has no manifest.json");
  const manifest = parseManifest(text, join(folder, "manifest.json"));
  const { settings, shard, identity, timesteps } = manifest;
  if (shard.count > 1) {
    throw fail(
      `be a whole sweep: it is shard ${shard.index}/${shard.count}; merge the shards first`,
    );
  }
  const rows = await readText(join(folder, "cells.jsonl"));
  if (rows === undefined) {
    throw fail(
      "be the folder of a finished sweep: it has no cells.jsonl; run ablate again to go on",
    );
  }
  const cells = parseRows<CellRow>(rows, join(folder, "cells.jsonl"));
  if (cells.length === 0)
    throw fail("hold a sweep with at least one cell: cells.jsonl is empty");
  const responsesPath = join(folder, "responses.jsonl");
  const responses = parseRows<ResponseRow>(
    (await readText(responsesPath)) ?? "",
    responsesPath,
  );
  const sampler = {
    scheduler: settings.scheduler as SchedulerName,
    numInferenceSteps: settings.numInferenceSteps,
    guidanceScale: settings.guidanceScale,
  };
  const prompts = settings.prompts ?? [];
  return { identity, timesteps, prompts, cells, responses, sampler };
}

/** Two sweeps as one. */
function joined(
  a: PlanSweep,
  b: PlanSweep,
  folders: readonly string[],
): PlanSweep {
  const fail = (wanted: string) =>
    new RangeError(
      `Cannot plan from ${folders.join(" and ")} together as they must ${wanted}`,
    );
  const setting = ({ identity, sampler, timesteps }: PlanSweep) =>
    JSON.stringify([identity.model, sampler, timesteps]);
  if (setting(a) !== setting(b)) {
    const named = ({ identity, sampler }: PlanSweep) =>
      `${identity.model.slice(0, 19)}…, ${sampler.scheduler} at ${sampler.numInferenceSteps} steps, guidance ${sampler.guidanceScale}`;
    throw fail(
      `be of one model under one sampler: they are of ${named(a)}, and ${named(b)}`,
    );
  }
  const course = (row: CellRow) => `${actionName(row)} of ${row.unit}`;
  const known = new Set(a.cells.map(course));
  const twice = b.cells.map(course).find((one) => known.has(one));
  if (twice !== undefined)
    throw fail(`each do something else: both have ${twice}`);
  return {
    ...a,
    prompts: [...new Set([...a.prompts, ...b.prompts])],
    cells: [...a.cells, ...b.cells],
    responses: a.responses.length > 0 ? a.responses : b.responses,
  };
}

/**
 * The grid of a sweep on its model.
 * @param from what was read, for messages
 * @throws {RangeError} If the sweep is of another model, or of another grid
 */
export async function gridOf(
  study: PlanStudy,
  from: string,
  { identity, sampler, timesteps: swept }: PlanSweep,
): Promise<Grid> {
  const digest = await study.digest();
  if (identity.model !== digest) {
    throw new RangeError(
      `Cannot plan from ${from} as its sweep must be of this model, ${digest.slice(0, 19)}…: it is of ${identity.model.slice(0, 19)}…`,
    );
  }
  const { timesteps, numTrainTimesteps } = await study.outlook({ ...sampler });
  if (JSON.stringify(timesteps) !== JSON.stringify(swept)) {
    throw new RangeError(
      `Cannot plan from ${from} as its sweep must have this model's timesteps, ${timesteps.slice(0, 3).join(", ")}…: it has ${swept.slice(0, 3).join(", ")}…; was the sampler's configuration changed?`,
    );
  }
  return { timesteps, numTrainTimesteps };
}
