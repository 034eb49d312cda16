// A description says before a run what its report says after it.

import { PhaseskipError } from "@phaseskip/graph";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { openFolder } from "../../src/folder/model-folder.js";
import { describeModel } from "../../src/pipeline/describe-model.js";
import { Model } from "../../src/pipeline/model.js";
import type { PlanDescription } from "../../src/pipeline/plan-description.js";
import { describeRun } from "../../src/pipeline/plan-description.js";
import { planRun } from "../../src/pipeline/plan-run.js";
import type { Report } from "../../src/pipeline/report.js";
import type { GenerateOptions } from "../../src/pipeline/request.js";
import { parseRequest } from "../../src/pipeline/request.js";
import { runPipeline } from "../../src/pipeline/run.js";
import type { Rule } from "../../src/plan/plan.js";
import type { Device } from "../../src/device/session.js";
import { openDevice } from "../../src/device/session.js";
import { countingDevice } from "../device/counting-device.js";
import { fixtureFolder, inputFor, planOf, textFor } from "../unet/unet-runs.js";
import { finishRun } from "../pipeline/finish-run.js";

vi.setConfig({ testTimeout: 120_000 });

let device: Device;
beforeAll(async () => {
  device = await openDevice("wasm", { threads: 1 });
});

const rule = (units: string[], action: object, more: object = {}) =>
  ({ units, ...action, ...more }) as unknown as Rule;
const every = (n: number) => ({ every: n });

const plans = {
  nothing: planOf([]),
  "nested reuse, zeros, and guidance that ends": planOf(
    [
      rule(["up_blocks.1"], { action: "reuse", refresh: every(3) }),
      rule(["**.resnets.1"], { action: "reuse", refresh: every(2) }),
      rule(["**.skip"], { action: "zero" }, { phases: ["late"] }),
    ],
    [{ phases: ["late"], action: "off" }],
  ),
  "guidance that begins late": planOf(
    [rule(["mid_block"], { action: "reuse", refresh: every(3) })],
    [{ phases: ["early"], action: "off" }],
  ),
  "residuals, an extrapolation, a mean of both contexts": planOf([
    rule(["mid_block"], {
      action: "reuse",
      value: "residual",
      refresh: every(2),
    }),
    rule(["down_blocks.0"], {
      action: "extrapolate",
      order: 2,
      refresh: every(2),
    }),
    rule(
      ["up_blocks.1"],
      { action: "reuse", value: "mean", refresh: "never" },
      { phases: ["late"] },
    ),
    rule(["up_blocks.0"], { action: "scale", factor: 0.5 }),
  ]),
};

async function finish(model: Model, options: GenerateOptions): Promise<Report> {
  const { report } = await finishRun(runPipeline(model, parseRequest(options)));
  return report;
}

/** What both say, in one form. */
const said = ({ steps, ...rest }: PlanDescription | Report) => ({
  macs: rest.macs,
  fullMacs: rest.fullMacs,
  exactMacs: rest.exactMacs,
  macsSaved: rest.macsSaved,
  plan: rest.plan,
  scheduler: rest.scheduler,
  numInferenceSteps: rest.numInferenceSteps,
  guidanceScale: rest.guidanceScale,
  segments: rest.segments,
  warnings: rest.warnings,
  steps: steps.map((step) => ({
    ...step,
    contexts: step.contexts.map((one) => {
      const { context, signature, computed, reused, zeroed, changed, macs } =
        one;
      return { context, signature, computed, reused, zeroed, changed, macs };
    }),
  })),
});

describe.each([
  ["tiny-text-ts", { prompt: "a red boat" }],
  ["tiny-text-ts-static", { prompt: "a red boat" }],
  ["tiny-text-ts-static", { prompt: "a red boat", numImagesPerPrompt: 3 }],
  ["tiny-sd-ts", { prompt: "a red boat", numImagesPerPrompt: 2 }],
  ["tiny-ddpm-ts", {}],
])("describeModel() on %s", (name, more) => {
  test.each(Object.entries(plans))(
    "says of %s what the report says",
    async (_, plan) => {
      const model = await Model.load(
        await openFolder(fixtureFolder(name)),
        device,
      );
      const options = { ...more, plan, numInferenceSteps: 8 };
      const request = parseRequest(options);
      const described = await describeModel(model, request, true);
      const report = await finish(model, options);
      expect(said(described)).toEqual(said(report));
      const sum = report.steps
        .flatMap(({ contexts }) => contexts)
        .reduce((macs, one) => macs + one.macs, 0);
      expect(described.macs).toBe(sum);
      expect(described.milliseconds).toBeGreaterThan(0);
      expect(described.milliseconds).toBeLessThan(Infinity);
      for (const { contexts } of described.steps)
        for (const { milliseconds } of contexts)
          expect(milliseconds).toBeGreaterThanOrEqual(0);
      // all is known now: nothing runs
      const again = await describeModel(model, request, true);
      expect(again).toEqual(described);
      await model.dispose();
    },
  );
});

describe("a description's memory", () => {
  test("is what the caches hold where both contexts share a call", async () => {
    const { device: counting, alive } = countingDevice(device);
    const folder = await openFolder(fixtureFolder("tiny-text-ts-static"));
    const model = await Model.load(folder, counting);
    const plan = plans["nested reuse, zeros, and guidance that ends"];
    const request = parseRequest({
      prompt: "a red boat",
      plan,
      numInferenceSteps: 8,
    });
    const { steps } = await describeModel(model, request, false);
    const held: number[] = [];
    // the second time no constant is new
    for (let round = 0; round < 2; round++) {
      held.length = 0;
      for await (const step of runPipeline(model, request)) {
        void step;
        held.push(alive.bytes);
      }
    }
    const predicted = steps.map(({ contexts }) => contexts[0]!.cacheBytes);
    const beyondFirst = (bytes: number[]) =>
      bytes.map((each) => each - bytes[0]!);
    expect(beyondFirst(held)).toEqual(beyondFirst(predicted));
    expect(new Set(held).size).toBeGreaterThan(2);
    await model.dispose();
  });

  test.each(Object.entries(plans))(
    "is what the caches hold: %s",
    async (_, plan) => {
      for (const name of ["tiny-text-ts", "tiny-text-dynamo-f16"]) {
        const { device: counting, alive } = countingDevice(device);
        const folder = await openFolder(fixtureFolder(name));
        const model = await Model.load(folder, counting);
        const request = parseRequest({
          prompt: "a red boat",
          plan,
          numInferenceSteps: 8,
        });
        const run = await planRun(model, request);
        const described = await describeRun(run, counting);
        const { schedule, unet } = run;
        await model.unet.prepare(unet, schedule.signatures);
        const cached: number[][] = [];
        // the second time no constant is new
        for (let round = 0; round < 2; round++) {
          const before = alive.bytes;
          const cond = await model.unet.begin("cond", textFor(unet, "cond"));
          expect(alive.bytes - before).toBe(
            described.textBytes / (plan === plans.nothing ? 2 : contexts(run)),
          );
          const uncond = await model.unet.begin(
            "uncond",
            textFor(unet, "uncond"),
            {},
            cond,
          );
          const streams = { cond, image: uncond, uncond };
          const begun = alive.bytes;
          cached.length = 0;
          for (const step of schedule.steps) {
            const held: number[] = [];
            for (const scheduled of step.contexts) {
              const stream = streams[scheduled.context];
              const sample = inputFor(unet, "sample", step.stepIndex);
              await model.unet.step(stream, scheduled, sample, step.timestep);
              model.unet.endRun(); // drops what depends on the timestep alone
              held.push(alive.bytes - begun);
            }
            cached.push(held);
          }
          streams.cond.dispose();
          streams.uncond.dispose();
          model.unet.endRun();
          if (round === 1) expect(alive.bytes).toBe(before);
        }
        const predicted = described.steps.map((step) =>
          step.contexts.map((one) => one.cacheBytes),
        );
        expect(predicted).toEqual(cached);
        expect(described.peakCacheBytes).toBe(Math.max(...cached.flat()));
        expect(described.peakCacheBytes > 0).toBe(plan !== plans.nothing);
        await model.dispose();
      }
    },
  );
});

function contexts({ schedule }: Awaited<ReturnType<typeof planRun>>): number {
  return schedule.steps.some((step) => step.contexts.length > 1) ? 2 : 1;
}

describe("describeModel()", () => {
  let model: Model;
  beforeAll(async () => {
    const folder = await openFolder(fixtureFolder("tiny-text-ts"));
    model = await Model.load(folder, device);
    return () => model.dispose();
  });
  const described = (options: GenerateOptions, hasTimes = false) =>
    describeModel(model, parseRequest(options), hasTimes);

  test("gives both bounds where adaptive rules are to decide", async () => {
    const plan = planOf([
      rule(["up_blocks.1"], {
        action: "adaptive",
        probe: "down_blocks.0.resnets.0",
        threshold: 0.2,
        maxConsecutive: 3,
      }),
    ]);
    const options = { prompt: "a red boat", plan, numInferenceSteps: 12 };
    const { least, ...most } = await described(options, true);
    const report = await finish(model, options);
    expect(least!.macs).toBeLessThan(most.macs);
    expect(report.macs).toBeGreaterThanOrEqual(least!.macs);
    expect(report.macs).toBeLessThanOrEqual(most.macs);
    expect(least!.milliseconds).toBeLessThan(most.milliseconds!);
    const ages = least!.steps.map((step) => step.contexts[0]!.reused);
    expect(ages.slice(0, 5)).toEqual([
      {},
      ...[1, 2, 3].map((age) => ({ "up_blocks.1": age })),
      {},
    ]);
    // decisions that are given leave nothing open
    const replayed = await described({
      ...options,
      decisions: report.decisions!,
    });
    expect(replayed.least).toBeUndefined();
    expect(replayed.macs).toBe(report.macs);
  });

  test("predicts no time where it is not asked to", async () => {
    const { milliseconds, steps } = await described({ plan: plans.nothing });
    expect(milliseconds).toBeUndefined();
    expect(steps).toHaveLength(50);
    expect(steps[0]!.contexts[0]!.milliseconds).toBeUndefined();
  });

  test("refuses what a run refuses", async () => {
    const wrong = planOf([
      rule(["mid_block"], { action: "reuse", refresh: { at: [60] } }),
    ]);
    await expect(described({ plan: wrong })).rejects.toThrow(/step 60/);
    const other = {
      ...plans.nothing,
      model: { unet: `sha256:${"0".repeat(64)}` },
    };
    await expect(described({ plan: other })).rejects.toThrow(PhaseskipError);
    await expect(described({ plan: "missing" })).rejects.toThrow(/ships none/);
  });
});
