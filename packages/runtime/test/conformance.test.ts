// What every action keeps to, on Unets of five kinds: exported by TorchScript and by dynamo, with and without a text,
// of fixed and of open sizes, from float32 and float16, with one weights file and with several.

import { wholeModel } from "@phaseskip/graph";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Refresh, Rule } from "../src/plan/plan.js";
import { openFolder } from "../src/model-folder.js";
import type { Device } from "../src/session.js";
import { openDevice } from "../src/session.js";
import { Weights } from "../src/weights.js";
import type { Alive } from "./counting-device.js";
import { countingDevice } from "./counting-device.js";
import type { OpenUnet, Outputs } from "./unet-runs.js";
import {
  farthest,
  fixtureFolder,
  openUnet,
  planOf,
  runSchedule,
  runWhole,
  scheduleOf,
  timesteps,
} from "./unet-runs.js";

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

  test("A, then B, then A gives A's bytes, and leaves no tensor behind", async () => {
    const a = [rule(several(), reuse({ every: 2 }))];
    const b = [
      rule(["mid_block"], reuse({ at: [0, 3] })),
      rule(["up_blocks.0"], { action: "zero" }, { phases: ["late"] }),
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
