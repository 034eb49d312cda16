// Plans through a whole pipeline: guidance, what adaptive rules decide, means, and what the report says of it.

import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { openFolder } from "../../src/folder/model-folder.js";
import { Model } from "../../src/pipeline/model.js";
import type { GenerateOptions } from "../../src/pipeline/request.js";
import { parseRequest } from "../../src/pipeline/request.js";
import type { RunResult } from "../../src/pipeline/run.js";
import { runPipeline } from "../../src/pipeline/run.js";
import type { GuidanceRule, Plan, Rule } from "../../src/plan/plan.js";
import { openDevice } from "../../src/device/session.js";
import type { Alive } from "../device/counting-device.js";
import { countingDevice } from "../device/counting-device.js";
import { distance, fixtureFolder } from "../unet/unet-runs.js";
import { finishRun } from "../pipeline/finish-run.js";

vi.setConfig({ testTimeout: 60_000 });

/** The same: the largest difference, as a part of the standard deviation, in float32. */
const same = 1e-5;

let alive: Alive;
let model: Model;
/** One of a fixed batch of two: three images are two chunks, the second one padded. */
let fixed: Model;
beforeAll(async () => {
  const counting = countingDevice(await openDevice("wasm", { threads: 1 }));
  ({ alive } = counting);
  const load = async (name: string) =>
    Model.load(await openFolder(fixtureFolder(name)), counting.device);
  model = await load("tiny-text-ts");
  fixed = await load("tiny-text-ts-static");
});
afterAll(async () => {
  await model.dispose();
  await fixed.dispose();
  expect(alive).toMatchObject({ tensors: 0, sessions: 0 });
});

const planOf = (rules: object[], guidance: GuidanceRule[] = []): Plan => ({
  format: "phaseskip-plan",
  version: 1,
  phases: [{ name: "late", from: 600, to: 0 }],
  rules: rules as Rule[],
  guidance,
});

async function draw(
  options: GenerateOptions,
  on: Model = model,
): Promise<RunResult> {
  const request = parseRequest({
    prompt: "a red boat at night",
    seed: 3,
    numInferenceSteps: 8,
    guidanceScale: 4,
    ...options,
  });
  return finishRun(runPipeline(on, request));
}

const adaptive = {
  units: ["mid_block", "up_blocks.*"],
  action: "adaptive",
  probe: "down_blocks.0",
  threshold: 0.25,
};

describe("runPipeline() with a guidance delta", () => {
  test("is guided where it refreshes at every step", async () => {
    const { sample } = await draw({});
    const delta: GuidanceRule = { action: "delta", refresh: { every: 1 } };
    const found = await draw({ plan: planOf([], [delta]) });
    expect(found.sample).toEqual(sample);
  });

  test("keeps uncond − cond, which does not change where contexts differ in nothing", async () => {
    // with the empty text in both, the difference is none
    const alike = { prompt: "", negativePrompt: "" };
    const { sample } = await draw(alike);
    const delta: GuidanceRule = { action: "delta", refresh: { every: 4 } };
    const plan = planOf([], [delta]);
    const found = await draw({ ...alike, plan });
    expect(distance(found.sample, sample)).toBeLessThan(same);
    const differing = await draw({ plan });
    const off = await draw({ plan: planOf([], [{ action: "off" }]) });
    const full = await draw({});
    for (const other of [off, full])
      expect(distance(differing.sample, other.sample)).toBeGreaterThan(1e-3);
  });

  test("says how old the difference is, and saves uncond's part", async () => {
    const delta: GuidanceRule = { action: "delta", refresh: { every: 3 } };
    const { report } = await draw({ plan: planOf([], [delta]) });
    expect(report.steps.map(({ deltaAge }) => deltaAge ?? 0)).toEqual([
      0, 1, 2, 0, 1, 2, 0, 1,
    ]);
    expect(report.steps.map(({ contexts }) => contexts.length)).toEqual([
      2, 1, 1, 2, 1, 1, 2, 1,
    ]);
    expect(report.steps.every((step) => step.guidanceScale === 4)).toBe(true);
    expect(report.macsSaved).toBeGreaterThan(0.25);
  });

  test("keeps one for each chunk of a fixed batch", async () => {
    const delta: GuidanceRule = { action: "delta", refresh: { every: 3 } };
    const plan = planOf([], [delta]);
    const three = await draw({ plan, numImagesPerPrompt: 3 }, fixed);
    const length = three.sample.length / 3;
    for (const i of [0, 1, 2]) {
      const one = await draw({ plan, seed: 3 + i }, fixed);
      const part = three.sample.subarray(i * length, (i + 1) * length);
      expect(distance(part, one.sample)).toBeLessThan(same);
    }
  });
});

describe("runPipeline() with adaptive rules", () => {
  test("tells what they decided, and runs it again to the same bytes", async () => {
    const plan = planOf([adaptive]);
    const { sample, report } = await draw({ plan });
    const { decisions = [] } = report;
    expect(decisions).toHaveLength(16);
    expect(new Set(decisions.map(({ reuse }) => reuse)).size).toBe(2);
    for (const { contexts, stepIndex } of report.steps) {
      for (const { context, computed, reused, macs } of contexts) {
        const { reuse } = decisions.find(
          (one) => one.stepIndex === stepIndex && one.context === context,
        )!;
        expect(computed.includes("up_blocks.2")).toBe(!reuse);
        expect("up_blocks.2" in reused).toBe(reuse);
        expect(macs).toBeGreaterThan(0);
      }
    }
    // a report survives JSON
    const given = JSON.parse(JSON.stringify(decisions)) as typeof decisions;
    const again = await draw({ plan, decisions: given });
    expect(again.sample).toEqual(sample);
    expect(again.report.macs).toBe(report.macs);
    expect(again.report.decisions?.map(({ reuse }) => reuse)).toEqual(
      decisions.map(({ reuse }) => reuse),
    );
    await draw({});
    expect((await draw({ plan })).sample).toEqual(sample);
  });

  test("follows decisions given, whatever the probe says", async () => {
    const plan = planOf([{ ...adaptive, threshold: 0 }]);
    const { sample, report } = await draw({ plan });
    const other = report.decisions!.map((one) =>
      one.stepIndex === 5 ? { ...one, reuse: true } : one,
    );
    const found = await draw({ plan, decisions: other });
    expect(distance(found.sample, sample)).toBeGreaterThan(1e-4);
    expect(found.report.steps[5]!.contexts[0]!.reused).toHaveProperty(
      "up_blocks.2",
      1,
    );
  });

  test("decides once for all chunks of a fixed batch, and frees everything", async () => {
    const plan = planOf([adaptive]);
    const options = { plan, numImagesPerPrompt: 3 };
    const { report, sample } = await draw(options, fixed);
    const { tensors } = alive;
    expect(report.decisions).toHaveLength(16);
    const again = await draw(
      { ...options, decisions: report.decisions! },
      fixed,
    );
    expect(again.sample).toEqual(sample);
    expect(alive.tensors).toBe(tensors);
  });

  test("a failure in the middle frees everything", async () => {
    const plan = planOf([adaptive]);
    const options = { plan, numInferenceSteps: 3 };
    await draw(options);
    const { tensors } = alive;
    for (const after of [6, 9, 12, 15, 18]) {
      const stop = new Error("stop");
      const wanted = alive.runs + after;
      alive.beforeRun = (runs) => {
        if (runs === wanted) throw stop;
      };
      await expect(draw(options)).rejects.toBe(stop);
      expect(alive.tensors, `run ${after}`).toBe(tensors);
    }
    alive.beforeRun = undefined;
  });
});

describe("runPipeline() with a fixed batch", () => {
  const runs = async (options: GenerateOptions) => {
    alive.beforeRun = () => undefined; // runs are counted for it
    const before = alive.runs;
    const { report, sample } = await draw(options, fixed);
    alive.beforeRun = undefined;
    return { runs: alive.runs - before, report, sample };
  };
  const options = { numInferenceSteps: 2, guidanceScale: 4 };

  test("goes through a text once for all chunks that are told it", async () => {
    await draw({ ...options, numImagesPerPrompt: 2 }, fixed);
    const { tensors } = alive;
    const two = await runs({ ...options, numImagesPerPrompt: 2 });
    const six = await runs({ ...options, numImagesPerPrompt: 6 });
    expect(alive.tensors).toBe(tensors);
    const others = await runs({
      ...options,
      prompt: ["a dog", "a dog", "a cat", "a cat", "a boat", "a boat"],
    });
    // the text encoder twice more, and the Unet's part of the text
    expect(others.runs - six.runs).toBe(4);
    expect(others.report.macs).toBeGreaterThan(six.report.macs);
    expect(six.report.macs).toBe(six.report.exactMacs);
    expect(others.report.macs).toBe(others.report.exactMacs);
    expect(six.report.fullMacs).toBe(3 * two.report.fullMacs);

    const one = await draw({ ...options, seed: 5 }, fixed);
    const { length } = one.sample;
    const third = six.sample.subarray(2 * length, 3 * length);
    expect(distance(third, one.sample)).toBeLessThan(same);
    const cat = await draw({ ...options, prompt: "a cat", seed: 5 }, fixed);
    const drawn = others.sample.subarray(2 * length, 3 * length);
    expect(distance(drawn, cat.sample)).toBeLessThan(same);
  });

  const late = { phases: ["late"] };
  const reuse = { action: "reuse", refresh: { every: 3 } };
  test.each<[string, Plan]>([
    [
      "guidance that ends, and what goes on being kept",
      planOf(
        [{ units: ["mid_block"], ...reuse }],
        [{ ...late, action: "off" }],
      ),
    ],
    [
      "guidance that begins late",
      {
        ...planOf(
          [{ units: ["mid_block"], ...reuse, ...late }],
          [{ phases: ["early"], action: "off" }],
        ),
        phases: [
          { name: "early", from: 1000, to: 600 },
          { name: "late", from: 600, to: 0 },
        ],
      },
    ],
    [
      "a difference kept, and the whole output forecast",
      planOf(
        [
          {
            units: [""],
            action: "extrapolate",
            order: 1,
            refresh: { every: 2 },
          },
        ],
        [{ action: "delta", refresh: { every: 4 } }],
      ),
    ],
  ])("calls the Unet once a step for one picture: %s", async (_, plan) => {
    const beside = await draw({ plan, numImagesPerPrompt: 2 }, fixed);
    const alone = await draw({ plan }, fixed);
    const own = beside.sample.subarray(0, alone.sample.length);
    expect(distance(alone.sample, own)).toBeLessThan(same);
    // two pictures fill a call themselves: guidance is a call of its own
    const calls = ({ report: { steps, fullMacs } }: RunResult) =>
      fullMacs / steps.length;
    expect(calls(beside)).toBe(2 * calls(alone));
    expect(alone.report.steps.map(({ contexts }) => contexts.length)).toEqual(
      beside.report.steps.map(({ contexts }) => contexts.length),
    );
  });
});

test("runPipeline() reports what else was changed, and takes means", async () => {
  const means = {
    timesteps: [500],
    units: { conv_out: [Float32Array.of(0.1, 0.2, 0.3)] },
  };
  const rules = [
    { units: ["mid_block"], action: "bypass" },
    { units: ["up_blocks.1"], action: "scale", factor: 0.9 },
    {
      units: ["up_blocks.0"],
      action: "extrapolate",
      order: 1,
      refresh: { every: 2 },
    },
  ];
  const { report } = await draw({ plan: planOf(rules) });
  expect(report.steps[3]!.contexts[0]!.changed).toEqual({
    "up_blocks.0": "extrapolate",
    "up_blocks.1": "scale",
  });
  expect(report.steps[2]!.contexts[0]!.changed).toEqual({
    mid_block: "bypass",
    "up_blocks.1": "scale",
  });
  const plan = planOf([{ units: ["conv_out"], action: "mean" }]);
  const found = await draw({ plan, means });
  expect(found.report.steps[0]!.contexts[0]!.changed).toEqual({
    conv_out: "mean",
  });
  expect(found.report.macs).toBe(0);
  await expect(draw({ plan })).rejects.toThrow("the option means: none are");
});

test.each([
  ["decisions", [{ stepIndex: 1 }]],
  ["decisions", {}],
  ["means", { timesteps: [1], units: { mid_block: [[1, 2]] } }],
])("parseRequest() refuses %s that are none: %j", (name, value) => {
  expect(() => parseRequest({ [name]: value })).toThrow(
    new RegExp(`Cannot generate an image as ${name} must be`),
  );
});
