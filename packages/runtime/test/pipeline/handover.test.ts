// A picture that Stable Diffusion XL's base begins and its refiner finishes: what calls say of it, and what is refused.
// What they draw is compared with diffusers' in pipelines.test.ts.

import { afterAll, describe, expect, test, vi } from "vitest";
import { openDevice } from "../../src/device/session.js";
import { openFolder } from "../../src/folder/model-folder.js";
import { Model } from "../../src/pipeline/model.js";
import type { GenerateOptions } from "../../src/pipeline/request.js";
import { parseRequest } from "../../src/pipeline/request.js";
import type { RunResult } from "../../src/pipeline/run.js";
import { runPipeline } from "../../src/pipeline/run.js";
import { fixtureFolder, planOf } from "../unet/unet-runs.js";
import { finishRun } from "./finish-run.js";

vi.setConfig({ testTimeout: 60_000 });

const device = await openDevice("wasm", { threads: 1 });
const load = async (name: string) =>
  Model.load(await openFolder(fixtureFolder(name)), device);
const base = await load("tiny-sdxl-ts");
const refiner = await load("tiny-refiner-ts");
afterAll(async () => {
  await base.dispose();
  await refiner.dispose();
});

const text = { prompt: "a red boat", numInferenceSteps: 4, guidanceScale: 3 };

async function draw(
  model: Model,
  options: GenerateOptions,
): Promise<RunResult> {
  return finishRun(runPipeline(model, parseRequest({ ...text, ...options })));
}

const timesteps = ({ report }: RunResult) =>
  report.steps.map(({ timestep }) => timestep);

const half = new Float32Array(4 * 8 * 8).map((_, i) => Math.sin(i));
const latents = { data: half, shape: [1, 4, 8, 8] };

describe("a run that is handed over", () => {
  test("is two parts of one way, and goes on from the noise that is left", async () => {
    const whole = await draw(base, { scheduler: "ddim" });
    const first = await draw(base, { scheduler: "ddim", denoisingEnd: 0.6 });
    const second = await draw(base, {
      scheduler: "ddim",
      denoisingStart: 0.6,
      latents: { data: first.sample, shape: first.sampleShape },
    });
    expect([...timesteps(first), ...timesteps(second)]).toEqual(
      timesteps(whole),
    );
    expect(timesteps(first).length).toBeGreaterThan(0);
    expect(second.sample).toEqual(whole.sample);
  });

  test("needs one sample for each picture, or one for all", async () => {
    const one = { denoisingStart: 0.5, latents, numImagesPerPrompt: 2 };
    const both = { data: new Float32Array(512), shape: [2, 4, 8, 8] };
    both.data.set(half);
    both.data.set(half, 256);
    const { sample } = await draw(refiner, one);
    expect(await draw(refiner, { ...one, latents: both })).toMatchObject({
      sample,
    });
    expect(sample.slice(0, 256)).toEqual(sample.slice(256));
  });

  test("takes the size of its latents", async () => {
    const wide = { data: new Float32Array(4 * 8 * 12), shape: [1, 4, 8, 12] };
    const { sampleShape, images } = await draw(refiner, {
      denoisingStart: 0.8,
      latents: wide,
    });
    expect(sampleShape).toEqual([1, 4, 8, 12]);
    expect(images[0]).toMatchObject({ height: 16, width: 24 });
  });

  test("leaves out what a plan refreshes behind its end, and says so", async () => {
    const at = { at: [0, 3] };
    const plan = planOf([
      { units: ["mid_block"], action: "reuse", refresh: at },
    ]);
    const { report } = await draw(base, { plan, denoisingEnd: 0.5 });
    expect(report.steps).toHaveLength(2);
    expect(report.warnings.join()).toContain(
      "rules[0] refreshes at step 3, which this run of 2 of the grid's 4 steps does not have",
    );
  });
});

describe("runPipeline() refuses", () => {
  test.each<[string, Model, GenerateOptions, string]>([
    [
      "latents of another shape",
      base,
      { latents: { data: half, shape: [1, 1, 16, 16] }, strength: 0.5 },
      "latents must be of shape [1, 4, 16, 16]: their shape is [1, 1, 16, 16]",
    ],
    [
      "latents of another size than is asked for",
      base,
      { latents, height: 32 },
      "latents must be of shape [1, 4, 16, 8]: their shape is [1, 4, 8, 8]",
    ],
    [
      "a second text where the second encoder is the only one",
      refiner,
      { latents, strength: 0.5, prompt2: "the sun" },
      "prompt2 is for a second text encoder, which is this model's only one: it reads the prompt",
    ],
    [
      "a score that the Unet does not read",
      base,
      { aestheticScore: 6 },
      "aestheticScore is read by the refiner of Stable Diffusion XL alone",
    ],
    [
      "an end before the first step",
      base,
      { denoisingEnd: 0.001 },
      "denoisingEnd must leave at least one of 4 steps: current value is 0.001",
    ],
    [
      "a part of levels of noise",
      base,
      { denoisingEnd: 0.5, scheduler: "edm-euler" },
      "denoisingEnd is a part of the training's timesteps: those of the scheduler edm-euler are levels of noise",
    ],
  ])("%s", async (_, model, options, message) => {
    await expect(draw(model, options)).rejects.toThrow(message);
  });

  test.each<[string, GenerateOptions, typeof TypeError, string]>([
    [
      "a start without a sample",
      { denoisingStart: 0.5 },
      TypeError,
      "denoisingStart needs a sample to go on from: latents are missing",
    ],
    [
      "a start and a strength",
      { denoisingStart: 0.5, strength: 0.5, latents },
      TypeError,
      "denoisingStart takes the place of strength",
    ],
    [
      "a start behind the end",
      { denoisingStart: 0.5, denoisingEnd: 0.5, latents },
      RangeError,
      "denoisingStart must be below denoisingEnd, 0.5: current value is 0.5",
    ],
    [
      "all of the way as a part",
      { denoisingEnd: 1 },
      RangeError,
      "denoisingEnd must be above 0 and below 1: current value is 1",
    ],
    [
      "latents without a shape",
      { latents: half as never, strength: 0.5 },
      TypeError,
      "latents must be { data, shape }",
    ],
    [
      "latents of another number than their shape says",
      { latents: { data: half, shape: [1, 4, 8, 9] }, strength: 0.5 },
      TypeError,
      "its data holds 256 numbers, its shape [1, 4, 8, 9] 288",
    ],
    [
      "latents and an image",
      {
        latents,
        image: { data: new Float32Array(768), width: 16, height: 16 },
      },
      TypeError,
      "latents take the place of image",
    ],
    [
      "a score that is no number",
      { aestheticScore: NaN },
      TypeError,
      "aestheticScore must be a finite number: current value is NaN",
    ],
  ])("%s", (_, options, Kind, message) => {
    const parse = () => parseRequest({ ...text, ...options });
    expect(parse).toThrow(Kind);
    expect(parse).toThrow(message);
  });
});
