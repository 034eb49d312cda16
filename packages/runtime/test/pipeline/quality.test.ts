import { afterAll, expect, test } from "vitest";
import { measuredKeep } from "../../src/plan/measured-keep.js";
import { planRun } from "../../src/pipeline/plan-run.js";
import { qualityPlans, type QualityName } from "../../src/plan/quality.js";
import { parseRequest } from "../../src/pipeline/request.js";
import { emptyPlan } from "../../src/plan/plan.js";
import { openFolder } from "../../src/folder/model-folder.js";
import { loadPlan } from "../../src/folder/model-plans.js";
import { GoldenModels } from "../unet/golden-model.js";
import { fixtureFolder } from "../unet/unet-runs.js";

const models = new GoldenModels();
afterAll(() => models.dispose());

test("a word stands for a plan, and a plan goes before the word", () => {
  expect(parseRequest({}).plan).toBe("none");
  for (const [word, plan] of Object.entries(qualityPlans)) {
    const quality = word as QualityName;
    expect(parseRequest({ quality }).plan).toBe(plan);
    expect(parseRequest({ quality, plan: "mine" }).plan).toBe("mine");
    expect(parseRequest({ quality, plan: "none" }).plan).toBe("none");
  }
});

test.each(["best", "", "toString", 3, null])("%j is no word", (quality) => {
  const asked = { quality } as unknown as Parameters<typeof parseRequest>[0];
  expect(() => parseRequest(asked)).toThrow(
    /quality must be one of lossless, high, balanced, fast/,
  );
});

test("a model without the plan of a word says which it looked for", async () => {
  const model = await models.load("tiny-text-ts");
  const request = parseRequest({ prompt: "a red boat", quality: "high" });
  await expect(planRun(model, request)).rejects.toMatchObject({
    code: "plan-invalid",
    message: expect.stringContaining("plans/quality.json") as string,
  });
});

test.each(["high", "balanced", "fast"] as const)(
  "models/scenes ships a plan for %s, and says what it was measured to keep",
  async (quality) => {
    const folder = await openFolder(fixtureFolder("scenes"), { cache: false });
    const plan = (await loadPlan(
      folder,
      qualityPlans[quality],
    )) as typeof emptyPlan;
    await folder.close();
    const run = {
      scheduler: "ddim",
      numInferenceSteps: plan.steps?.numInferenceSteps ?? 50,
      guidanceScale: 1.5,
    };
    const kept = measuredKeep(plan, run)!;
    expect(kept.isOfThisRun).toBe(true);
    expect(kept.ssim).toBeGreaterThan(0.95);
    expect(kept.cost).toBeLessThan(0.6);
    expect(kept.pairs).toBeGreaterThanOrEqual(32);
    for (const other of [
      { scheduler: "euler" },
      { numInferenceSteps: 31 },
      { guidanceScale: 2 },
    ])
      expect(measuredKeep(plan, { ...run, ...other })!.isOfThisRun).toBe(false);
  },
);

test.each([undefined, null, "good", {}, { test: { mean: "0.9" } }])(
  "a calibration of another form, %j, says nothing",
  (calibration) => {
    const run = { scheduler: "ddim", numInferenceSteps: 50, guidanceScale: 1 };
    expect(measuredKeep({ ...emptyPlan, calibration }, run)).toBeUndefined();
  },
);
