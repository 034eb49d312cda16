// `phaseskip bench`: what the executor costs beside ONNX Runtime alone, as ratios of interleaved pairs.

import { readdir } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { benchRows, type BenchRows } from "../bench/bench-rows.js";
import { describeBench } from "../bench/bench-table.js";
import { writeJson, type CommandIo } from "../command-io.js";
import { inspectModel } from "../inspection/model-inspection.js";
import { planArgument } from "../files/plan-argument.js";
import { progress } from "../terminal/progress.js";
import {
  unetInputs,
  type UnetInputArguments,
} from "../terminal/unet-input-options.js";
import { publishedPlans } from "../bench/published-plans.js";

/** The options of `bench`, read. */
export interface BenchArguments extends UnetInputArguments {
  /** Files and names. @default all that the model ships */
  readonly plans?: readonly string[];
  readonly dtype?: string;
  readonly revision?: string;
  readonly json?: true;
}

/** Runs `phaseskip bench MODEL`. */
export async function bench(
  location: string,
  options: BenchArguments,
  io: CommandIo,
): Promise<void> {
  const { plans, dtype, revision, json } = options;
  const { signal } = io;
  const shown = progress(io.stderr);
  const model = await inspectModel(
    location,
    signal,
    dtype,
    revision,
    unetInputs(options),
  );
  let measured: BenchRows;
  try {
    const chosen = [];
    for (const argument of plans ?? (await shippedPlans(location)))
      chosen.push(await planArgument(argument));
    if (!plans) chosen.push(...publishedPlans(model));
    measured = await benchRows(
      model,
      chosen,
      (label, done, total) =>
        shown.show(label, done, total, `${done} of ${total}`),
      signal,
    );
  } finally {
    shown.clear();
    await model.folder.close();
  }
  const cpu = cpus()[0]?.model.trim() ?? "unknown";
  const machine = {
    cpu,
    cores: cpus().length,
    engine: `Node ${process.version}`,
  };
  if (json) writeJson(io, { model: location, machine, ...measured });
  else io.stdout.write(describeBench(measured, machine, io.stdout));
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
