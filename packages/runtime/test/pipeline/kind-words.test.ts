import { afterAll, describe, expect, test } from "vitest";
import { planRun } from "../../src/pipeline/plan-run.js";
import type { DenoiseOptions } from "../../src/pipeline/request.js";
import { parseRequest } from "../../src/pipeline/request.js";
import type { InputPicture } from "../../src/picture/input-picture.js";
import { emptyPlan } from "../../src/plan/plan.js";
import { fasterDiffusion, tGate } from "../../src/plans.js";
import { GoldenModels } from "../unet/golden-model.js";

const models = new GoldenModels();
afterAll(() => models.dispose());

const prompt = "a red boat";

/** What is said of a run, which is laid out and not drawn. */
async function words(name: string, options: DenoiseOptions) {
  const run = await planRun(
    await models.load(name),
    parseRequest({ prompt, ...options }),
  );
  return run.warnings;
}

const reuse = {
  ...emptyPlan,
  name: "middle",
  rules: [
    { units: ["mid_block"], action: "reuse", refresh: { every: 2 } } as const,
  ],
};

describe("a plan with nothing to skip is drawn, and a sentence says why", () => {
  const ddim = { scheduler: "ddim" } as const;

  test.each([1, 2, 4])("in %i steps", async (numInferenceSteps) => {
    const said = await words("tiny-text-ts", {
      ...ddim,
      numInferenceSteps,
      plan: reuse,
    });
    expect(said.filter((one) => one.includes("nothing to skip"))).toHaveLength(
      1,
    );
  });

  test("but not from five on, and not without a plan", async () => {
    const five = { ...ddim, numInferenceSteps: 5 };
    expect(await words("tiny-text-ts", { ...five, plan: reuse })).toEqual([]);
    expect(
      await words("tiny-text-ts", { ...ddim, numInferenceSteps: 1 }),
    ).toEqual([]);
    const empty = { ...emptyPlan, name: "empty" };
    expect(
      await words("tiny-text-ts", {
        ...ddim,
        numInferenceSteps: 2,
        plan: empty,
      }),
    ).toEqual([]);
  });

  test("with a sampler that adds noise at every step", async () => {
    const numInferenceSteps = 10;
    const plan = reuse;
    for (const scheduler of ["euler-ancestral", "ddpm"] as const)
      expect(
        await words("tiny-text-ts", { scheduler, numInferenceSteps, plan }),
      ).toEqual([expect.stringMatching(`${scheduler}.*nothing to skip`)]);
  });

  test("where it changes nothing", async () => {
    const plan = {
      ...reuse,
      rules: [{ ...reuse.rules[0]!, refresh: { every: 1 } }],
    };
    const said = { ...ddim, numInferenceSteps: 10 };
    expect(await words("tiny-text-ts", { ...said, plan })).toEqual([
      expect.stringContaining("the plan middle changes nothing"),
    ]);
    const guides = {
      ...emptyPlan,
      phases: [{ name: "late", from: 500, to: 0 }],
      guidance: [{ phases: ["late"], action: "off" as const }],
    };
    expect(await words("tiny-text-ts", { ...said, plan: guides })).toEqual([]);
  });
});

describe("a negative prompt without guidance", () => {
  test.each([0, 0.5, 1])(
    "has no effect at %d, and a sentence says so",
    async (guidanceScale) => {
      expect(
        await words("tiny-text-ts", { guidanceScale, negativePrompt: "a cat" }),
      ).toEqual([expect.stringMatching(/^the negative prompt has no effect/)]);
    },
  );

  test("has none with a Unet that is told the weight", async () => {
    expect(await words("tiny-lcm-ts", { negativePrompt: "a cat" })).toEqual([
      expect.stringMatching(/^the negative prompt has no effect/),
    ]);
  });

  test("counts above 1", async () => {
    expect(
      await words("tiny-text-ts", {
        guidanceScale: 1.5,
        negativePrompt: "a cat",
      }),
    ).toEqual([]);
  });
});

describe("a mask", () => {
  const picture = (level: (i: number) => number): InputPicture => ({
    data: Uint8ClampedArray.from({ length: 4 * 256 }, (_, i) => level(i)),
    width: 16,
    height: 16,
  });
  const image = picture(() => 100);
  const said = (mask: InputPicture) => words("tiny-text-ts", { image, mask });

  test("that is dark all over is told of", async () => {
    const black = picture((i) => (i % 4 === 3 ? 255 : 0));
    expect(await said(black)).toEqual([
      expect.stringMatching(/dark.* all over: nothing is drawn anew/),
    ]);
  });

  test("whose shape is in its alpha alone is told of, be it dark or light", async () => {
    for (const level of [0, 255]) {
      const mask = picture((i) => (i % 4 === 3 ? (i < 512 ? 255 : 0) : level));
      expect(await said(mask)).toEqual([expect.stringContaining("its alpha")]);
    }
  });

  test("that keeps a part and draws a part is not", async () => {
    expect(await said(picture((i) => (i < 512 ? 255 : 0)))).toEqual([]);
  });
});

describe("a plan on a run that starts from an image", () => {
  const image = {
    data: new Float32Array(3 * 256),
    width: 16,
    height: 16,
  };
  const from = { image, scheduler: "ddim", numInferenceSteps: 30 } as const;
  const keySteps = [0, 1, 2, 3, 5, 8, 12, 16, 20, 25];

  test("leaves out key steps that the run does not have, and says which", async () => {
    const plan = fasterDiffusion({ keySteps });
    expect(
      await words("tiny-text-ts", { ...from, strength: 0.8, plan }),
    ).toEqual([
      expect.stringMatching(
        /rules\[0\] refreshes at step 25.*24 of the grid's 30 steps.*left out/,
      ),
    ]);
    const { image: _, ...whole } = from;
    await expect(
      words("tiny-text-ts", { ...whole, numInferenceSteps: 24, plan }),
    ).rejects.toMatchObject({ code: "plan-invalid" });
  });

  test("fills at its first step what a gate before it would have kept", async () => {
    const model = await models.load("tiny-text-ts");
    const plan = tGate({ numInferenceSteps: 30, gateStep: 10 });
    const request = parseRequest({ prompt, ...from, strength: 0.5, plan });
    const { schedule } = await planRun(model, request);
    const [first, ...rest] = schedule.steps.map(({ contexts }) => contexts[0]!);
    expect(first!.reused.size).toBe(0);
    for (const step of rest) expect(step.reused.size).toBeGreaterThan(0);
    const { sample } = await models.run("tiny-text-ts", {
      ...{ prompt, ...from, strength: 0.5, plan },
    });
    expect(sample.every(Number.isFinite)).toBe(true);
  });

  test("is valid for the steps of the schedule, of which the run is the last part", async () => {
    const valid = { ...reuse, valid: { numInferenceSteps: [30, 30] as const } };
    expect(
      await words("tiny-text-ts", { ...from, strength: 0.5, plan: valid }),
    ).toEqual([]);
  });
});
