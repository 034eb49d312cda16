// What every action keeps to, on Unets of five kinds: exported by TorchScript and by dynamo, with and without a text,
// of fixed and of open sizes, from float32 and float16, with one weights file and with several.

import { wholeModel } from "@phaseskip/graph";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { openFolder } from "../../src/folder/model-folder.js";
import { Model } from "../../src/pipeline/model.js";
import { parseRequest } from "../../src/pipeline/request.js";
import { runPipeline } from "../../src/pipeline/run.js";
import type { AdaptiveDecision } from "../../src/schedule/adaptive-decision.js";
import type { Plan, Refresh, Rule } from "../../src/plan/plan.js";
import type { Device } from "../../src/device/session.js";
import { openDevice } from "../../src/device/session.js";
import { Weights } from "../../src/unet/weights.js";
import type { Alive } from "../device/counting-device.js";
import { countingDevice } from "../device/counting-device.js";
import type { OpenUnet, Outputs } from "./unet-runs.js";
import {
  distance,
  farthest,
  fixtureFolder,
  openUnet,
  planOf,
  runSchedule,
  runWhole,
  scheduleOf,
  timesteps,
} from "./unet-runs.js";
import { finishRun } from "../pipeline/finish-run.js";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

/** The same: the largest difference, as a part of the standard deviation, in float32. */
const same = 1e-5;
/** Rounding where ONNX Runtime fuses on other sides of a cut: up to 1.2e-5, while a wrong value makes 1e-2. */
const close = 5e-5;

const models = [
  "tiny-text-ts",
  "tiny-text-dynamo",
  "tiny-sd-ts",
  "tiny-ddpm-dynamo-static",
  "tiny-text-ts-f16",
];

const every = timesteps.map((_, i) => i);

const rule = (units: string[], action: object, more: object = {}): Rule =>
  ({ units, ...action, ...more }) as unknown as Rule;
const reuse = (refresh: Refresh, value?: string) => ({
  action: "reuse",
  refresh,
  ...(value && { value }),
});

describe.each(models)("an action, on %s:", (name) => {
  let device: Device;
  let alive: Alive;
  let open: OpenUnet;
  let full: Outputs;
  beforeAll(async () => {
    const counting = countingDevice(await openDevice("wasm", { threads: 1 }));
    ({ device, alive } = counting);
    open = await openUnet(name, device);
    full = await run();
  });
  afterAll(async () => {
    await open.close();
    expect(alive).toMatchObject({ tensors: 0, sessions: 0 });
  });

  const run = (...rules: Rule[]) =>
    runSchedule(open, scheduleOf(open.unet, planOf(rules)));
  /** Blocks, a layer, and skips of every level: what most plans act on. */
  const several = () =>
    [
      ...["mid_block", "up_blocks.*", "down_blocks.0.resnets.0", "conv_in"],
      ...["up_blocks.*.resnets.0.skip", "**.attentions.*"],
    ].filter((pattern) => pattern !== "**.attentions.*" || hasAttention());
  const hasAttention = () =>
    [...open.unet.units.units.keys()].some((path) =>
      /attentions\.\d+$/.test(path),
    );

  test("without any, a plan is the same as the whole model", async () => {
    const model = wholeModel(open.graph, true);
    const folder = await openFolder(fixtureFolder(name));
    const weights = new Weights(folder, "unet/model.onnx");
    const session = await device.createSession(
      model.bytes,
      await weights.external(model),
    );
    await folder.close();
    expect(farthest(full, await runWhole(open, device, session))).toBeLessThan(
      same,
    );
    await session.release();
  });

  test("run is what no rule is, and takes back an earlier one", async () => {
    const rules = [
      rule(several(), { action: "zero" }),
      rule(several(), { action: "run" }),
    ];
    expect(await run(...rules)).toEqual(full);
  });

  test("reuse that is refreshed at every step is run", async () => {
    const [block, ups, layer, conv, ...rest] = several();
    const rules = [
      rule([block!, conv!], reuse({ every: 1 })),
      rule([ups!], reuse({ everyTimesteps: 1 })),
      rule([layer!], reuse({ at: every })),
      rule(rest, reuse({ atTimesteps: timesteps })),
    ];
    expect(farthest(await run(...rules), full)).toBeLessThan(close);
  });

  test("reuse of nested units is that of the outer one", async () => {
    const outer = rule(["mid_block"], reuse({ every: 3 }));
    const right = await run(outer);
    const found = await run(outer, rule(["mid_block.**"], reuse({ every: 3 })));
    expect(farthest(found, right)).toBeLessThan(close);
    expect(farthest(right, full)).toBeGreaterThan(1e-3);
  });

  test("a skip's zero leaves its producer alone, and a producer's is its skip's too", async () => {
    const { units } = open.unet.units;
    const skip = [...units.values()].find(
      ({ skip: edge, path }) => edge && path.startsWith("up_blocks.0."),
    )!;
    const producer = open.unet.graph.producers.get(skip.skip!.value)!;
    const maker = open.unet.units.unitOf[producer.index]!;
    const layer = /^\w+\.\d+\.\w+\.\d+|^\w+\.\d+|^\w+/.exec(maker)![0];
    const zero = { action: "zero" };
    const alone = await run(rule([skip.path], zero));
    const made = await run(rule([layer], zero));
    expect(farthest(alone, full)).toBeGreaterThan(1e-3);
    expect(farthest(made, alone)).toBeGreaterThan(1e-3);
    const both = await run(rule([layer], zero), rule([skip.path], zero));
    expect(farthest(both, made)).toBeLessThan(close);
    // what the skip says comes after what its producer says
    const kept = await run(
      rule([layer], zero, { phases: ["late"] }),
      rule([skip.path], reuse({ at: [0, 1, 2] })),
    );
    const lost = await run(rule([layer], zero, { phases: ["late"] }));
    expect(farthest(kept, lost)).toBeGreaterThan(1e-3);
  });

  test("scale by 1 is run, and by 0 is zero", async () => {
    const units = several();
    const ones = [
      rule(units, { action: "scale", factor: 1 }),
      rule([units[0]!], { action: "scale", factor: 1, channels: [0, 0.5] }),
      rule([units[1]!], { action: "scale", factor: 1, lowPass: 1 }),
    ];
    expect(farthest(await run(...ones), full)).toBeLessThan(close);
    const late = { phases: ["late"] };
    const nothing = rule(units, { action: "scale", factor: 0 }, late);
    const zeros = rule(units, { action: "zero" }, late);
    const right = await run(zeros);
    expect(farthest(await run(nothing), right)).toBeLessThan(close);
    expect(farthest(right, full)).toBeGreaterThan(1e-3);
  });

  test("a residual is the output where the main input stays as it was", async () => {
    const before = rule(["conv_in", "down_blocks.*"], reuse({ at: [0, 4] }));
    const unit = ["mid_block", "mid_block.resnets.0"];
    const right = await run(before, rule(unit, reuse({ at: [0, 4] })));
    const found = await run(
      before,
      rule(unit, reuse({ at: [0, 4] }, "residual")),
    );
    expect(farthest(found, right)).toBeLessThan(close);
    const free = await run(rule(unit, reuse({ at: [0, 4] }, "residual")));
    const kept = await run(rule(unit, reuse({ at: [0, 4] })));
    expect(farthest(free, kept)).toBeGreaterThan(1e-3);
  });

  test("bypass of a unit is that of all units inside it, and of both", async () => {
    const bypass = { action: "bypass" };
    const outer = rule(["mid_block"], bypass);
    const inner = rule(["mid_block.*.*"], bypass);
    const right = await run(outer);
    expect(farthest(await run(inner), right)).toBeLessThan(close);
    expect(farthest(await run(outer, inner), right)).toBeLessThan(close);
    expect(farthest(right, full)).toBeGreaterThan(1e-3);
  });

  test("extrapolation of order 0 is reuse, and of any order every step is run", async () => {
    const units = several();
    const of = (order: number, n: number) =>
      rule(units, { action: "extrapolate", order, refresh: { every: n } });
    const right = await run(rule(units, reuse({ every: 2 })));
    expect(farthest(await run(of(0, 2)), right)).toBeLessThan(close);
    expect(farthest(await run(of(2, 1)), full)).toBeLessThan(close);
    expect(farthest(await run(of(1, 2)), right)).toBeGreaterThan(1e-3);
  });

  test("an adaptive rule runs below its threshold of 0, and reuses as long as it may below a huge one; decisions given back give the same bytes", async () => {
    const units = ["up_blocks.*", "mid_block"];
    const of = (threshold: number, more: object = {}) =>
      rule(units, {
        ...{ action: "adaptive", probe: "down_blocks.0.resnets.0", threshold },
        ...more,
      });
    expect(farthest(await run(of(0)), full)).toBeLessThan(close);
    const right = await run(rule(units, reuse({ every: 3 })));
    const long = of(1e9, { maxConsecutive: 2 });
    expect(farthest(await run(long), right)).toBeLessThan(close);
    const between = planOf([of(0.5, { warmup: 2 })]);
    const decisions: AdaptiveDecision[] = [];
    const first = await runSchedule(
      open,
      scheduleOf(open.unet, between),
      decisions,
    );
    expect(decisions.slice(0, 2).every(({ reuse: kept }) => !kept)).toBe(true);
    const replayed = scheduleOf(open.unet, between, 3, decisions);
    expect(replayed.adaptive).toBeUndefined();
    expect(farthest(await runSchedule(open, replayed), first)).toBeLessThan(
      close,
    );
    const again = scheduleOf(open.unet, between);
    expect(await runSchedule(open, again)).toEqual(first);
  });

  test("A, then B, then A gives A's bytes, and leaves no tensor behind", async () => {
    const a = [rule(several(), reuse({ every: 2 }))];
    const b = [
      rule(["mid_block"], reuse({ at: [0, 3] })),
      rule(["up_blocks.0"], { action: "zero" }, { phases: ["late"] }),
      rule(["up_blocks.1"], {
        ...{ action: "extrapolate", order: 1 },
        refresh: { every: 2 },
      }),
      rule(["down_blocks.0.resnets.0"], { action: "scale", factor: 0.5 }),
      rule(["down_blocks.1"], reuse({ every: 2 }, "residual")),
      rule(["mid_block.*.*"], { action: "bypass" }, { phases: ["late"] }),
    ];
    const first = await run(...a);
    const { tensors } = alive; // constants are kept for later runs
    const second = await run(...b);
    expect(await run(...a)).toEqual(first);
    expect(await run(...b)).toEqual(second);
    expect(farthest(first, second)).toBeGreaterThan(1e-3);
    await run(...a);
    expect(alive.tensors).toBeLessThanOrEqual(tensors + 1);
  });

  test("a run that is broken off leaves no tensor behind, and the next one is right", async () => {
    const rules = [rule(several(), reuse({ every: 2 }))];
    const right = await run(...rules);
    const { tensors, runs } = alive;
    const stop = new Error("stop");
    alive.beforeRun = (count) => {
      if (count === runs + 5) throw stop;
    };
    await expect(run(...rules)).rejects.toBe(stop);
    alive.beforeRun = undefined;
    expect(alive.tensors).toBe(tensors);
    expect(await run(...rules)).toEqual(right);
  });
});

test("guidance by a difference that is refreshed at every step is plain guidance", async () => {
  const device = await openDevice("wasm", { threads: 1 });
  const model = await Model.load(
    await openFolder(fixtureFolder("tiny-text-ts")),
    device,
  );
  const sampleOf = async (guidance: Plan["guidance"]) => {
    const request = parseRequest({
      ...{ prompt: "a red boat", guidanceScale: 4, numInferenceSteps: 6 },
      plan: planOf([], guidance),
    });
    const { sample } = await finishRun(runPipeline(model, request));
    return sample;
  };
  const plain = await sampleOf([]);
  const every1 = await sampleOf([{ action: "delta", refresh: { every: 1 } }]);
  expect(every1).toEqual(plain);
  const every3 = await sampleOf([{ action: "delta", refresh: { every: 3 } }]);
  expect(distance(every3, plain)).toBeGreaterThan(1e-3);
  await model.dispose();
});
