// Whole pipelines of every kind against diffusers' own, and what they refuse.

import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test, vi } from "vitest";
import { readNpy } from "../../cli/src/npy.js";
import { openFolder } from "../src/model-folder.js";
import type { InputPicture } from "../src/pipeline/input-picture.js";
import { Model } from "../src/pipeline/model.js";
import type {
  DenoiseOptions,
  GenerateOptions,
} from "../src/pipeline/request.js";
import { parseRequest } from "../src/pipeline/request.js";
import type { RunResult } from "../src/pipeline/run.js";
import { runPipeline } from "../src/pipeline/run.js";
import type { Device } from "../src/session.js";
import { openDevice } from "../src/session.js";
import { fewSteps, relativeError } from "./pipeline-cases.js";
import { fixtureFolder } from "./unet-runs.js";

// What is asked for is 1e-3 of the sample's standard deviation, as of every golden run.
const tolerance = 1e-3;
/** What one device calls the same. */
const same = 1e-5;

vi.setConfig({ testTimeout: 60_000 });

interface GoldenPipeline {
  readonly model: string;
  readonly options: GenerateOptions;
  readonly sample: string;
  readonly image?: string;
  readonly mask?: string;
  readonly initNoise?: string;
  readonly picture?: string;
}

const folder = new URL("golden-pipelines/", import.meta.url);
const names = readdirSync(folder)
  .filter((name) => name.endsWith(".json"))
  .map((name) => name.replace(/\.json$/, ""));
const array = (name: string) => readNpy(fileURLToPath(new URL(name, folder)));

/** A picture from levels of 0 to 255: `[3, height, width]` or grey, `[height, width]`. */
async function picture(name: string): Promise<InputPicture> {
  const { shape, data: levels } = await array(name);
  const [height = 0, width = 0] = shape.slice(-2);
  const pixels = height * width;
  const data = new Uint8ClampedArray(4 * pixels).fill(255);
  for (let i = 0; i < pixels; i++)
    for (let c = 0; c < 3; c++)
      data[4 * i + c] = levels[(i + c * pixels) % levels.length]!;
  return { data, width, height };
}

let device: Device | undefined;
const models = new Map<string, Model>();

async function load(name: string): Promise<Model> {
  device ??= await openDevice("wasm", { threads: 1 });
  const known = models.get(name);
  if (known) return known;
  const model = await Model.load(await openFolder(fixtureFolder(name)), device);
  models.set(name, model);
  return model;
}

afterAll(async () => {
  for (const model of models.values()) await model.dispose();
});

async function draw(name: string, options: DenoiseOptions): Promise<RunResult> {
  const run = runPipeline(await load(name), parseRequest(options));
  let step = await run.next();
  while (!step.done) step = await run.next();
  return step.value;
}

describe("runPipeline() draws what diffusers' pipelines draw", () => {
  test.each(names)("%s", async (name) => {
    const golden = JSON.parse(
      readFileSync(new URL(`${name}.json`, folder), "utf8"),
    ) as GoldenPipeline;
    const { image, mask, initNoise } = golden;
    const { sample, sampleShape, images } = await draw(golden.model, {
      ...golden.options,
      ...(image && { image: await picture(image) }),
      ...(mask && { mask: await picture(mask) }),
      ...(initNoise && { initNoise: (await array(initNoise)).data }),
    });
    const right = await array(golden.sample);
    expect(sampleShape).toEqual(right.shape);
    expect(relativeError(sample, right.data)).toBeLessThan(tolerance);
    if (!golden.picture) return;
    const pixels = (await array(golden.picture)).data;
    const { data, width, height } = images[0]!;
    const off = Array.from(pixels, (value, i) => {
      const at = i % (width * height);
      const shown = data[at * 4 + Math.floor(i / (width * height))]!;
      return Math.abs(shown - 255 * Math.min(Math.max(value / 2 + 0.5, 0), 1));
    });
    expect(Math.max(...off)).toBeLessThan(0.51);
  });
});
