// Unets that read pictures beside the sample. Whole runs against diffusers' are in pipelines.test.ts.

import { describe, expect, test, vi } from "vitest";
import type { GuidanceRule, Plan } from "../../src/plan/plan.js";
import type { GenerateOptions } from "../../src/pipeline/request.js";
import { draw, levels } from "./draws.js";
import { fewSteps, relativeError } from "./pipeline-cases.js";

vi.setConfig({ testTimeout: 120_000 });

const image = levels(1);
const small = levels(2, 8);
const guidanceOf = (...guidance: GuidanceRule[]): Plan => ({
  ...{ format: "phaseskip-plan", version: 1, phases: [], rules: [], guidance },
});

describe("a model that edits images", () => {
  const model = "tiny-pix2pix-ts";
  const asked = { ...fewSteps, image };
  const contextsOf = (run: Awaited<ReturnType<typeof draw>>) =>
    run.report.steps.map(({ contexts }) =>
      contexts.map(({ context }) => context).join(" "),
    );

  test("runs in three contexts, and is led by two weights", async () => {
    const run = await draw(model, asked);
    expect(new Set(contextsOf(run))).toEqual(new Set(["cond image uncond"]));
    const said = await draw(model, { ...asked, imageGuidanceScale: 1.5 });
    expect(said.sample).toEqual(run.sample);
    const more = await draw(model, { ...asked, imageGuidanceScale: 2 });
    expect(relativeError(more.sample, run.sample)).toBeGreaterThan(0.01);
  });

  test("keeps the differences of both other contexts", async () => {
    const run = await draw(model, asked);
    const plan = (every: number) =>
      guidanceOf({ action: "delta", refresh: { every } });
    const each = await draw(model, { ...asked, plan: plan(1) });
    expect(relativeError(each.sample, run.sample)).toBeLessThan(1e-5);
    const second = await draw(model, { ...asked, plan: plan(2) });
    expect(contextsOf(second).slice(0, 2)).toEqual([
      ...["cond image uncond", "cond"],
    ]);
    const off = guidanceOf({ action: "off" });
    const alone = await draw(model, { ...asked, plan: off });
    const away = (one: typeof run) => relativeError(one.sample, run.sample);
    expect(away(second)).toBeLessThan(away(alone));
  });

  test("lets a plan name the third context", async () => {
    const plan: Plan = {
      ...guidanceOf(),
      rules: [{ units: ["mid_block"], contexts: ["image"], action: "zero" }],
    };
    const { report } = await draw(model, { ...asked, plan });
    for (const { contexts } of report.steps)
      expect(contexts.map(({ zeroed }) => zeroed.length)).toEqual([0, 1, 0]);
  });
});

describe("an upscaler", () => {
  const model = "tiny-upscale-ts";
  const asked = { ...fewSteps, image: small };

  test("draws larger than the image, and is told its noise as a class", async () => {
    const run = await draw(model, asked);
    expect(run.sampleShape).toEqual([1, 4, 8, 8]);
    expect(run.images[0]!.width).toBe(16);
    const same = await draw(model, { ...asked, noiseLevel: 20 });
    expect(same.sample).toEqual(run.sample);
    const other = await draw(model, { ...asked, classLabel: 200 });
    expect(relativeError(other.sample, run.sample)).toBeGreaterThan(0.001);
  });

  test("takes a class for each prompt", async () => {
    const prompt = ["a red boat", "a red boat"];
    const classLabel = [3, 200];
    const { sample } = await draw(model, { ...asked, prompt, classLabel });
    const own = await draw(model, {
      ...{ ...asked, prompt: "a red boat", classLabel: 200 },
      seed: asked.seed + 1,
    });
    const second = sample.subarray(sample.length / 2);
    expect(relativeError(second, own.sample)).toBeLessThan(1e-5);
  });
});

describe("runPipeline() refuses", () => {
  test.each<[string, string, GenerateOptions, string]>([
    [
      "an inpainting model without a mask",
      "tiny-inpaint-ts",
      { image },
      "this is an inpainting model: mask is missing",
    ],
    [
      "to edit nothing",
      "tiny-pix2pix-ts",
      {},
      "this is a model that edits images: image is missing",
    ],
    [
      "a strength where no step is left out",
      "tiny-pix2pix-ts",
      { image, strength: 0.5 },
      "strength says nothing to a model that edits images",
    ],
    [
      "an image's weight where none is edited",
      "tiny-sd-image-ts",
      { imageGuidanceScale: 2 },
      "imageGuidanceScale says nothing to a model that edits no images",
    ],
    [
      "a noise level where nothing is enlarged",
      "tiny-inpaint-ts",
      { image, mask: image, noiseLevel: 3 },
      "noiseLevel says nothing to a model that is no upscaler",
    ],
    [
      "half a class",
      "tiny-upscale-ts",
      { image: small, classLabel: 0.5 },
      "classLabel must be the number of a class, from 0, or a list of such",
    ],
  ])("%s", async (_, name, more, message) => {
    await expect(draw(name, { ...fewSteps, ...more })).rejects.toThrow(message);
  });
});
