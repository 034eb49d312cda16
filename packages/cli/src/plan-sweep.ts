// The sweep that a plan is made from, read and checked.

import { join } from "node:path";
import {
  parseManifest,
  parseRows,
  type CellRow,
  type Grid,
  type SweepManifest,
} from "@phaseskip/ablation";
import type { PlanStudy } from "@phaseskip/runtime/internals";
import type { StudySampler } from "./plan-runner.js";
import { readText } from "./sweep-folder.js";
import type { SchedulerName } from "@phaseskip/runtime";

/** A finished sweep. */
export interface PlanSweep {
  readonly manifest: SweepManifest;
  readonly cells: readonly CellRow[];
  /** The sampler that it was swept under. */
  readonly sampler: StudySampler;
}

/**
 * Reads a sweep.
 * @throws {RangeError} If the folder holds none, or one that is not finished, or is empty, or is one of several shards
 */
export async function readSweep(folder: string): Promise<PlanSweep> {
  const fail = (wanted: string) =>
    new RangeError(`Cannot plan from ${folder} as it must ${wanted}`);
  const text = await readText(join(folder, "manifest.json"));
  if (text === undefined)
    throw fail("be the folder of a sweep: it has no manifest.json");
  const manifest = parseManifest(text, join(folder, "manifest.json"));
  const { settings, shard } = manifest;
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
  const sampler = {
    scheduler: settings.scheduler as SchedulerName,
    numInferenceSteps: settings.numInferenceSteps,
    guidanceScale: settings.guidanceScale,
  };
  return { manifest, cells, sampler };
}

/**
 * The grid of a sweep on its model.
 * @throws {RangeError} If the sweep is of another model, or of another grid
 */
export async function gridOf(
  study: PlanStudy,
  folder: string,
  { manifest, sampler }: PlanSweep,
): Promise<Grid> {
  const digest = await study.digest();
  if (manifest.identity.model !== digest) {
    throw new RangeError(
      `Cannot plan from ${folder} as its sweep must be of this model, ${digest.slice(0, 19)}…: it is of ${manifest.identity.model.slice(0, 19)}…`,
    );
  }
  const { timesteps, numTrainTimesteps } = await study.outlook({ ...sampler });
  if (JSON.stringify(timesteps) !== JSON.stringify(manifest.timesteps)) {
    throw new RangeError(
      `Cannot plan from ${folder} as its sweep must have this model's timesteps, ${timesteps.slice(0, 3).join(", ")}…: it has ${manifest.timesteps.slice(0, 3).join(", ")}…; was the sampler's configuration changed?`,
    );
  }
  return { timesteps, numTrainTimesteps };
}
