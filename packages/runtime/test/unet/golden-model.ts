// Golden arrays, and the models to compare with them.

import { fileURLToPath } from "node:url";
import { readNpy } from "../../../cli/src/pictures/npy.js";
import { openFolder } from "../../src/folder/model-folder.js";
import { Model } from "../../src/pipeline/model.js";
import type { DenoiseOptions } from "../../src/pipeline/request.js";
import { parseRequest } from "../../src/pipeline/request.js";
import type { RunResult } from "../../src/pipeline/run.js";
import { runPipeline } from "../../src/pipeline/run.js";
import type { Device } from "../../src/device/session.js";
import { openDevice } from "../../src/device/session.js";
import { finishRun } from "../pipeline/finish-run.js";

const folder = new URL("../golden/", import.meta.url);

/** Where a golden file lies. */
export const goldenFile = (name: string) =>
  fileURLToPath(new URL(name, folder));

/** A golden array; with an index, one entry of its first axis. */
export async function goldenArray(
  name: string,
  index?: number,
): Promise<Float32Array> {
  const { data, shape } = await readNpy(goldenFile(name));
  if (index === undefined) return data;
  const length = data.length / shape[0]!;
  return data.subarray(index * length, (index + 1) * length);
}

/** The largest difference, as a part of the standard deviation of `right`. */
export function distance(found: Float32Array, right: Float32Array): number {
  const mean = right.reduce((sum, value) => sum + value, 0) / right.length;
  const variance =
    right.reduce((sum, value) => sum + (value - mean) ** 2, 0) / right.length;
  const largest = right.reduce(
    (max, value, i) => Math.max(max, Math.abs(value - found[i]!)),
    found.length === right.length ? 0 : Infinity,
  );
  return largest / Math.sqrt(variance);
}

/** Opens fixtures once, on one thread. */
export class GoldenModels {
  #device: Device | undefined;
  readonly #models = new Map<string, Model>();

  /** A fixture, loaded. */
  async load(name: string): Promise<Model> {
    this.#device ??= await openDevice("wasm", { threads: 1 });
    const known = this.#models.get(name);
    if (known) return known;
    const path = fileURLToPath(
      new URL(`../../../../models/${name}`, import.meta.url),
    );
    const model = await Model.load(await openFolder(path), this.#device);
    this.#models.set(name, model);
    return model;
  }

  /** One run to its end. */
  async run(name: string, options: DenoiseOptions): Promise<RunResult> {
    return finishRun(runPipeline(await this.load(name), parseRequest(options)));
  }

  /** Frees all models. */
  async dispose(): Promise<void> {
    for (const model of this.#models.values()) await model.dispose();
  }
}
