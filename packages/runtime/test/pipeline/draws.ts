// What the tests of conditioned Unets share: models that are loaded once, and runs of them.

import { afterAll } from "vitest";
import { generator } from "@phaseskip/scheduler";
import { openDevice } from "../../src/device/session.js";
import { openFolder } from "../../src/folder/model-folder.js";
import type { InputPicture } from "../../src/picture/input-picture.js";
import { Model } from "../../src/pipeline/model.js";
import type { GenerateOptions } from "../../src/pipeline/request.js";
import { parseRequest } from "../../src/pipeline/request.js";
import type { RunResult } from "../../src/pipeline/run.js";
import { runPipeline } from "../../src/pipeline/run.js";
import { fixtureFolder } from "../unet/unet-runs.js";
import { finishRun } from "./finish-run.js";

const device = await openDevice("wasm", { threads: 1 });
const models = new Map<string, Promise<Model>>();

/** A fixture, or a folder by its path. */
export function load(name: string): Promise<Model> {
  const path = name.startsWith("/") ? name : fixtureFolder(name);
  const open = async () => Model.load(await openFolder(path), device);
  const model = models.get(name) ?? open();
  models.set(name, model);
  return model;
}

afterAll(async () => {
  for (const model of models.values()) await (await model).dispose();
});

/** A whole run. */
export async function draw(
  name: string,
  options: GenerateOptions,
): Promise<RunResult> {
  return finishRun(runPipeline(await load(name), parseRequest(options)));
}

/** A picture of random levels. */
export function levels(seed: number, size = 16): InputPicture {
  const data = Uint8ClampedArray.from(
    generator(seed).randn(4 * size * size),
    (value) => 128 + 60 * value,
  );
  return { data, width: size, height: size };
}
