// Actions whose result is known without running them another way: from arithmetic, or from other actions.

import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { AdaptiveDecision } from "../../src/schedule/adaptive-decision.js";
import type { ChannelMeans } from "../../src/plan/channel-means.js";
import type { Rule } from "../../src/plan/plan.js";
import { schedulePlan } from "../../src/schedule/schedule.js";
import type { Device } from "../../src/device/session.js";
import { openDevice } from "../../src/device/session.js";
import type { Alive } from "../device/counting-device.js";
import { countingDevice } from "../device/counting-device.js";
import type { OpenUnet, Outputs } from "./unet-runs.js";
import {
  farthest,
  openUnet,
  planOf,
  runSchedule,
  scheduleOf,
  timesteps,
} from "./unet-runs.js";

vi.setConfig({ testTimeout: 120_000 });

/** The same: the largest difference, as a part of the standard deviation, in float32. */
const same = 1e-5;
/** Rounding where ONNX Runtime fuses on other sides of a cut. */
const close = 5e-5;

let device: Device;
let alive: Alive;
let open: OpenUnet;
let full: Outputs;
beforeAll(async () => {
  const counting = countingDevice(await openDevice("wasm", { threads: 1 }));
  ({ device, alive } = counting);
  open = await openUnet("tiny-text-ts", device, { batch: 2 });
  full = await run();
});
afterAll(async () => {
  await open.close();
  expect(alive).toMatchObject({ tensors: 0, sessions: 0 });
});

const run = (...rules: object[]) =>
  runSchedule(open, scheduleOf(open.unet, planOf(rules as Rule[])));
const differs = (found: Outputs) =>
  expect(farthest(found, full)).toBeGreaterThan(1e-3);
const equals = (found: Outputs, right: Outputs, tolerance = close) =>
  expect(farthest(found, right)).toBeLessThan(tolerance);

const resnet = "down_blocks.0.resnets.0";
const attention = "mid_block.attentions.0";
const units = ["mid_block", "up_blocks.1", "**.attn1", "up_blocks.*.**.skip"];

describe("scale", () => {
  test("by 1 is run, by 0 is zero, of every kind of unit", async () => {
    equals(await run({ units, action: "scale", factor: 1 }), full);
    equals(
      await run({ units, action: "scale", factor: 0 }),
      await run({ units, action: "zero" }),
    );
    differs(await run({ units: ["mid_block"], action: "scale", factor: 0.9 }));
  });

  test("of all channels, and of halves one after the other, is that of the whole", async () => {
    const scale = { units: ["mid_block"], action: "scale", factor: 0.8 };
    const right = await run(scale);
    equals(await run({ ...scale, channels: [0, 1] }), right);
    const half = await run({ ...scale, channels: [0, 0.5] });
    expect(farthest(half, right)).toBeGreaterThan(1e-4);
    // an inner unit's output is the outer one's here: both act, the inner first
    const inner = { ...scale, units: ["mid_block.resnets.1"] };
    equals(
      await run(
        { ...scale, channels: [0, 0.5] },
        { ...inner, channels: [0.5, 1] },
      ),
      right,
    );
  });

  test("of all low frequencies is that of the whole; of few, another", async () => {
    const scale = {
      units: ["up_blocks.1.resnets.0.skip"],
      action: "scale",
      factor: 0.2,
    };
    const right = await run(scale);
    equals(await run({ ...scale, lowPass: 64 }), right);
    const low = await run({ ...scale, lowPass: 1 });
    expect(farthest(low, right)).toBeGreaterThan(1e-4);
    differs(low);
    equals(await run({ ...scale, lowPass: 1, factor: 1 }), full);
    const half = await run({ ...scale, lowPass: 64, channels: [0, 0.5] });
    equals(half, await run({ ...scale, channels: [0, 0.5] }));
  });
});

describe("bypass and residual", () => {
  test("a residual of zeros is the shortcut: the main input itself where there is no convolution", async () => {
    const zero = { action: "zero", value: "residual" };
    const bypassed = await run({ units: [attention], action: "bypass" });
    differs(bypassed);
    equals(await run({ units: [attention], ...zero }), bypassed);
    equals(
      await run({ units: ["mid_block"], ...zero }),
      await run({ units: ["mid_block"], action: "bypass" }),
    );
    const convolved = await run({ units: ["up_blocks.1.resnets.0"], ...zero });
    differs(convolved);
    const nothing = { units: ["up_blocks.1.resnets.0"], action: "zero" };
    expect(farthest(await run(nothing), convolved)).toBeGreaterThan(1e-3);
  });

  test("reused and refreshed at every step is run, by addition and by difference", async () => {
    for (const path of [resnet, attention, "mid_block"]) {
      const reuse = { action: "reuse", value: "residual" };
      equals(
        await run({ units: [path], ...reuse, refresh: { every: 1 } }),
        full,
      );
      differs(await run({ units: [path], ...reuse, refresh: { every: 3 } }));
    }
  });

  test("is reuse of the output where the main input stays the same", async () => {
    const still = { units: ["down_blocks.*"], action: "reuse" };
    const held = { ...still, refresh: { at: [0] } };
    const middle = { units: ["mid_block"], action: "reuse" };
    for (const path of ["mid_block", "mid_block.resnets.0"]) {
      const reuse = { ...middle, units: [path], refresh: { every: 4 } };
      equals(
        await run(held, { ...reuse, value: "residual" }),
        await run(held, reuse),
      );
    }
  });

  test("of skips, which are their own main input, is run", async () => {
    const skips = { units: ["**.skip"] };
    equals(await run({ ...skips, action: "bypass" }), full);
    const reuse = { action: "reuse", value: "residual", refresh: "never" };
    equals(await run({ ...skips, ...reuse }), full);
  });

  test("a chain of bypassed units hands on what enters the first", async () => {
    const parts = ["mid_block.resnets.0", attention, "mid_block.resnets.1"];
    equals(
      await run({ units: parts, action: "bypass" }),
      await run({ units: ["mid_block"], action: "bypass" }),
    );
    const scaled = { units: ["down_blocks.2"], action: "scale", factor: 0.5 };
    equals(
      await run(scaled, { units: parts, action: "bypass" }),
      await run(scaled, { units: ["mid_block"], action: "bypass" }),
    );
  });
});

describe("reuse of the mean", () => {
  test("is that of the output where both contexts have the same, and the same in both where not", async () => {
    const reuse = { action: "reuse", refresh: { at: [0, 3] } };
    // text is what tells the contexts apart: before the first attention there is none
    equals(
      await run({ units: [resnet], ...reuse, value: "mean" }),
      await run({ units: [resnet], ...reuse }),
    );
    const mean = await run({ units: ["conv_out"], ...reuse, value: "mean" });
    for (const step of [1, 2, 4, 5])
      expect(mean[step]!.cond).toEqual(mean[step]!.uncond);
    const [first, second] = [full[0]!.cond!, full[0]!.uncond!];
    const right = first.map((value, i) => (value + second[i]!) / 2);
    equals([{ cond: mean[1]!.cond! }], [{ cond: right }]);
  });

  test("outlives guidance", async () => {
    const rule = {
      units: ["conv_out"],
      phases: ["late"],
      action: "reuse",
      value: "mean",
      refresh: "never",
    } as Rule;
    const guidance = [{ phases: ["late"], action: "off" as const }];
    const schedule = scheduleOf(open.unet, planOf([rule], guidance));
    const outputs = await runSchedule(open, schedule);
    const { cond, uncond } = full[2]!;
    const right = cond!.map((value, i) => (value + uncond![i]!) / 2);
    for (const step of [3, 4, 5])
      equals([{ cond: outputs[step]!.cond! }], [{ cond: right }]);
  });
});

describe("extrapolate", () => {
  const unit = ["conv_out"];

  test("of order 0 is reuse, and refreshed at every step run", async () => {
    const refresh = { every: 3 };
    const all = ["mid_block", "up_blocks.0"];
    equals(
      await run({ units: all, action: "extrapolate", order: 0, refresh }),
      await run({ units: all, action: "reuse", refresh }),
    );
    equals(
      await run({
        units: all,
        action: "extrapolate",
        order: 2,
        refresh: { every: 1 },
      }),
      full,
    );
  });

  test.each([1, 2, 3])(
    "of order %i is the polynomial through the last values",
    async (order) => {
      const at = [0, 1, 3];
      const found = await run({
        units: unit,
        action: "extrapolate",
        order,
        refresh: { at },
      });
      for (const [step, output] of found.entries()) {
        const points = at.filter((i) => i <= step).slice(-order - 1);
        const right = Float32Array.from(output.cond!, () => 0);
        for (const i of points) {
          let weight = 1;
          for (const j of points) {
            if (j === i || at.includes(step)) continue;
            weight *=
              (timesteps[step]! - timesteps[j]!) /
              (timesteps[i]! - timesteps[j]!);
          }
          if (at.includes(step)) weight = i === step ? 1 : 0;
          full[i]!.cond!.forEach((value, k) => (right[k]! += weight * value));
        }
        equals([{ cond: output.cond! }], [{ cond: right }]);
      }
    },
  );
});

describe("mean", () => {
  test("puts the mean of the nearest timestep in place, by channel", async () => {
    const path = "conv_out";
    const means: ChannelMeans = {
      timesteps: [100, 700],
      units: { [path]: [Float32Array.of(1, 2, 3, 4, 5, 6)] },
    };
    const plan = planOf([{ units: [path], action: "mean" }]);
    const schedule = schedulePlan(open.unet, {
      plan,
      timesteps,
      numTrainTimesteps: 1000,
      guidanceScale: 1,
      scheduler: "ddim",
      means,
    });
    const outputs = await runSchedule(open, schedule);
    outputs.forEach(({ cond }, step) => {
      const first = timesteps[step]! >= 400 ? 4 : 1;
      const pixels = cond!.length / 6;
      const right = cond!.map((_, i) => first + (Math.floor(i / pixels) % 3));
      expect(cond).toEqual(right);
    });
  });
});

describe("adaptive", () => {
  const adaptive = {
    units: ["up_blocks.*", "mid_block"],
    action: "adaptive",
    probe: "down_blocks.0",
  };
  const decide = async (rule: object, given?: AdaptiveDecision[]) => {
    const decisions: AdaptiveDecision[] = [];
    const schedule = schedulePlan(open.unet, {
      plan: planOf([rule as Rule]),
      timesteps,
      numTrainTimesteps: 1000,
      guidanceScale: 3,
      scheduler: "ddim",
      ...(given && { decisions: given }),
    });
    expect(schedule.adaptive === undefined).toBe(given !== undefined);
    const outputs = await runSchedule(open, schedule, decisions);
    return { outputs, decisions };
  };

  test("with a threshold of 0 is run; with one out of reach it is reuse up to maxConsecutive", async () => {
    const never = await decide({ ...adaptive, threshold: 0 });
    equals(never.outputs, full);
    expect(never.decisions.map(({ reuse }) => reuse)).not.toContain(true);
    for (const most of [1, 2]) {
      const { outputs } = await decide({
        ...adaptive,
        threshold: 1e9,
        maxConsecutive: most,
      });
      const refresh = { every: most + 1 };
      const reuse = { units: adaptive.units, action: "reuse", refresh };
      equals(outputs, await run(reuse));
    }
    const warm = await decide({ ...adaptive, threshold: 1e9, warmup: 3 });
    const refresh = { at: [0, 1, 2] };
    equals(
      warm.outputs,
      await run({ units: adaptive.units, action: "reuse", refresh }),
    );
  });

  test("sums the probe's changes since the last step that computed", async () => {
    const { decisions } = await decide({ ...adaptive, threshold: 1e9 });
    const changes = decisions.flatMap(({ context, change }) =>
      context === "cond" && change !== undefined ? [change] : [],
    );
    expect(changes).toHaveLength(5);
    for (const change of changes) expect(change).toBeGreaterThan(0.01);
    // reaches the threshold at step 2, begins again, and reaches it at step 4
    const threshold = Math.max(...changes) * 1.01;
    const found = await decide({ ...adaptive, threshold });
    let sum = 0;
    const wanted = changes.map((change) => {
      sum += change;
      const reuse = sum < threshold;
      if (!reuse) sum = 0;
      return reuse;
    });
    const cond = found.decisions.filter(({ context }) => context === "cond");
    expect(cond.map(({ reuse }) => reuse)).toEqual([false, ...wanted]);
    expect(wanted).toContain(true);
    expect(wanted).toContain(false);
    expect(found.decisions).toHaveLength(12);
    const computing = cond.flatMap(({ reuse, stepIndex }) =>
      reuse ? [] : [stepIndex],
    );
    const units = adaptive.units;
    const refresh = { at: computing };
    const right = await run({ units, action: "reuse", refresh });
    equals(found.outputs, right);
  });

  test("gives the same bytes when its decisions are given back, and frees everything", async () => {
    const { tensors } = alive;
    const first = await decide({ ...adaptive, threshold: 1.5 });
    expect(new Set(first.decisions.map(({ reuse }) => reuse)).size).toBe(2);
    const again = await decide(
      { ...adaptive, threshold: 1.5 },
      first.decisions,
    );
    expect(again.outputs).toEqual(first.outputs);
    expect(alive.tensors).toBeLessThanOrEqual(tensors + 3);
  });
});

test("A, then B, then A gives A's bytes, under all actions", async () => {
  const a = [
    {
      units: ["mid_block"],
      action: "reuse",
      value: "residual",
      refresh: { every: 2 },
    },
    {
      units: ["up_blocks.0"],
      action: "extrapolate",
      order: 1,
      refresh: { every: 2 },
    },
    { units: ["**.skip"], action: "scale", factor: 0.9, lowPass: 2 },
    {
      units: ["**.attn2"],
      action: "reuse",
      value: "mean",
      refresh: { every: 3 },
    },
  ];
  const b = [{ units: [attention], action: "bypass" }];
  const first = await run(...a);
  const second = await run(...b);
  expect(await run(...a)).toEqual(first);
  expect(await run(...b)).toEqual(second);
  differs(first);
  differs(second);
  equals(await run(), full, same);
});
