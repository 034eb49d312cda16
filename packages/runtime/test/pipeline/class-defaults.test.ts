import { afterAll, describe, expect, test } from "vitest";
import { classDefaults } from "../../src/folder/class-defaults.js";
import { planRun } from "../../src/pipeline/plan-run.js";
import { parseRequest } from "../../src/pipeline/request.js";
import { GoldenModels } from "../unet/golden-model.js";

const models = new GoldenModels();
afterAll(() => models.dispose());

const prompt = "a red boat";

// diffusers 0.42.1, the signatures of __call__ in pipelines/*/pipeline_*{,_img2img,_inpaint}.py
describe("classDefaults()", () => {
  const image = {};
  const mask = {};
  test.each([
    ["StableDiffusionPipeline", {}, 7.5, undefined],
    ["StableDiffusionPipeline", { image }, 7.5, 0.8],
    ["StableDiffusionPipeline", { image, mask }, 7.5, 1],
    ["StableDiffusionXLPipeline", {}, 5, undefined],
    ["StableDiffusionXLPipeline", { image }, 5, 0.3],
    ["StableDiffusionXLPipeline", { image, mask }, 7.5, 0.9999],
    ["LatentConsistencyModelPipeline", {}, 8.5, undefined],
    ["LatentConsistencyModelPipeline", { image }, 8.5, 0.8],
  ])("%s %j", (name, asked, guidanceScale, strength) => {
    const found = classDefaults(name, asked);
    expect(found.guidanceScale).toBe(guidanceScale);
    if (strength !== undefined) expect(found.strength).toBe(strength);
  });
});

test.each([
  ["tiny-sdxl-ts", 5],
  ["tiny-lcm-ts", 8.5],
  ["tiny-sd-ts", 7.5],
])(
  "a run of %s takes guidance %d where nothing is said",
  async (name, wanted) => {
    const model = await models.load(name);
    const run = await planRun(model, parseRequest({ prompt }));
    expect(run.guidanceScale).toBe(wanted);
  },
);

describe("guidance up to 1", () => {
  test("runs one context, which follows the prompt, as diffusers guides above 1 only", async () => {
    const draw = (guidanceScale: number, text = prompt) =>
      models.run("tiny-text-ts", {
        prompt: text,
        guidanceScale,
        numInferenceSteps: 2,
      });
    const off = await draw(1);
    for (const weight of [0, 0.5]) {
      const { sample, report } = await draw(weight);
      expect(sample).toEqual(off.sample);
      expect(report.steps.map(({ contexts }) => contexts.length)).toEqual([
        1, 1,
      ]);
    }
    expect((await draw(0, "a green house")).sample).not.toEqual(off.sample);
  });

  test("is still told to a Unet that takes the weight", async () => {
    const draw = (guidanceScale: number) =>
      models.run("tiny-lcm-ts", {
        prompt,
        guidanceScale,
        numInferenceSteps: 1,
      });
    expect((await draw(0)).sample).not.toEqual((await draw(1)).sample);
  });
});

describe("an export that is fixed to a batch of 2", () => {
  const run = async (options: object) => {
    const { report } = await models.run("tiny-text-ts-static", {
      prompt,
      numInferenceSteps: 2,
      ...options,
    });
    return report;
  };

  test("takes both contexts of an image in one call", async () => {
    const one = await run({ guidanceScale: 1 });
    const both = await run({ guidanceScale: 4 });
    expect(both.fullMacs).toBe(one.fullMacs);
    expect(both.steps[0]!.contexts.map(({ context }) => context)).toEqual([
      "cond",
      "uncond",
    ]);
    expect(both.macs).toBeCloseTo(one.macs, -1);
  });

  test("takes them apart where a plan parts them", async () => {
    const rule = { units: ["mid_block"], action: "zero", contexts: ["uncond"] };
    const plan = {
      format: "phaseskip-plan",
      version: 1,
      phases: [],
      rules: [rule],
    };
    const both = await run({ guidanceScale: 4 });
    const apart = await run({ guidanceScale: 4, plan });
    expect(apart.fullMacs).toBe(2 * both.fullMacs);
  });
});
