import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { liveGraph, wholeModel } from "@phaseskip/graph";
import { openFolder } from "../../src/folder/model-folder.js";
import { Model } from "../../src/pipeline/model.js";
import { parseRequest } from "../../src/pipeline/request.js";
import { runPipeline } from "../../src/pipeline/run.js";
import type { Rule } from "../../src/plan/plan.js";
import { emptyPlan } from "../../src/plan/plan.js";
import type { Device } from "../../src/device/session.js";
import { openDevice } from "../../src/device/session.js";
import { wholeHolding } from "../../src/unet/weight-holding.js";
import { Weights } from "../../src/unet/weights.js";
import type { Alive } from "../device/counting-device.js";
import { countingDevice } from "../device/counting-device.js";
import type { OpenUnet, Outputs } from "./unet-runs.js";
import {
  distance,
  farthest,
  fixtureFile,
  fixtureFolder,
  openUnet,
  planOf,
  runSchedule,
  runWhole,
  scheduleOf,
  timesteps,
} from "./unet-runs.js";
import { finishRun } from "../pipeline/finish-run.js";

vi.setConfig({ testTimeout: 60_000 }); // sessions are made one after the other

/** What "the same" means in float32: the largest difference, as a part of the standard deviation. */
const same = 1e-5;

let device: Device;
beforeAll(async () => {
  device = await openDevice("wasm", { threads: 1 });
});

/** Makes one of the next session runs throw. */
function failAfter(alive: Alive, count: number): Error {
  const failing = new Error("out of order");
  const wanted = alive.runs + count;
  alive.beforeRun = (runs) => {
    if (runs === wanted) throw failing;
  };
  return failing;
}

describe("UnetExecutor under a plan that does nothing", () => {
  const external: Record<string, string> = {
    "tiny-text-dynamo": "model.onnx.data",
    "tiny-sd-ts": "weights.pb",
  };
  test.each([
    "tiny-text-ts",
    "tiny-text-dynamo",
    "tiny-sd-ts",
    "tiny-ddpm-ts",
    "tiny-text-ts-static",
    "tiny-ddpm-dynamo-static",
  ])("is the same as one session of the whole file: %s", async (name) => {
    const open = await openUnet(
      name,
      device,
      name.endsWith("static") ? {} : { batch: 2 },
    );
    const file = external[name];
    const session = await device.createSession(
      fixtureFile(name, "unet/model.onnx"),
      file
        ? { name: file, bytes: fixtureFile(name, `unet/${file}`) }
        : undefined,
    );
    const right = await runWhole(open, device, session);
    const found = await runSchedule(open, scheduleOf(open.unet, emptyPlan));
    expect(farthest(found, right)).toBeLessThan(same);
    await session.release();
    await open.close();
  });

  test.each(["tiny-text-ts-f16", "tiny-text-dynamo-f16", "tiny-sd-dynamo"])(
    "is the same as one session of the whole graph where float16 is widened: %s",
    async (name) => {
      const open = await openUnet(name, device);
      const model = wholeModel(open.graph, true);
      const folder = await openFolder(fixtureFolder(name));
      const weights = await new Weights(folder, "unet/model.onnx").external(
        model,
      );
      const session = await device.createSession(model.bytes, weights);
      await folder.close();
      const right = await runWhole(open, device, session);
      const found = await runSchedule(open, scheduleOf(open.unet, emptyPlan));
      expect(farthest(found, right)).toBeLessThan(same);
      await session.release();
      await open.close();
    },
  );

  test("is the same cut into segments of a few kilobytes", async () => {
    const whole = await openUnet("tiny-text-ts", device);
    const cut = await openUnet(
      "tiny-text-ts",
      device,
      {},
      {
        half: "widened",
        maxSegmentBytes: 8000,
      },
    );
    const schedule = scheduleOf(whole.unet, emptyPlan);
    const right = await runSchedule(whole, schedule);
    const found = await runSchedule(cut, scheduleOf(cut.unet, emptyPlan));
    expect(cut.executor.segments.length).toBeGreaterThan(10);
    expect(farthest(found, right)).toBeLessThan(same);
    await whole.close();
    await cut.close();
  });

  test.each(["tiny-text-ts-f16", "tiny-text-dynamo-f16", "tiny-sd-dynamo"])(
    "is the same where float16 weights stay so until they are used, in bounded segments: %s",
    async (name) => {
      const whole = await openUnet(name, device, {}, wholeHolding);
      const kept = await openUnet(
        name,
        device,
        {},
        {
          half: "kept",
          maxSegmentBytes: 8000,
        },
      );
      const plan = planOf([
        { units: ["up_blocks.1"], action: "reuse", refresh: { every: 2 } },
      ]);
      const right = await runSchedule(whole, scheduleOf(whole.unet, plan));
      const found = await runSchedule(kept, scheduleOf(kept.unet, plan));
      expect(kept.executor.segments.length).toBeGreaterThan(
        whole.executor.segments.length,
      );
      expect(farthest(found, right)).toBeLessThan(same);
      await whole.close();
      await kept.close();
    },
  );

  test("is the same at another size in the same sessions", async () => {
    const { device: counted, alive } = countingDevice(device);
    const open = await openUnet("tiny-text-dynamo", counted);
    await runSchedule(open, scheduleOf(open.unet, emptyPlan));
    const { sessions } = alive;
    const size = {
      batch: 2,
      channels: 3,
      height: 24,
      width: 32,
      tokens: 12,
      textWidth: 8,
    };
    const large = { ...open, unet: open.executor.unet(size) };
    const found = await runSchedule(large, scheduleOf(large.unet, emptyPlan));
    expect(alive.sessions).toBe(sessions);
    const fresh = await openUnet("tiny-text-dynamo", device, size);
    const right = await runSchedule(fresh, scheduleOf(fresh.unet, emptyPlan));
    expect(found).toEqual(right);
    await open.close();
    await fresh.close();
  });
});

test.each([
  "tiny-sd-ts",
  "tiny-sd-dynamo",
  "tiny-text-ts-static",
  "tiny-ddpm-dynamo-static",
])(
  "every segment of %s makes a session where every module is cut off",
  async (name) => {
    const { device: counted, alive } = countingDevice(device);
    const { unet, executor, close } = await openUnet(name, counted);
    const modules = [...unet.units.units.keys()].filter((path) =>
      /\.skip$|(resnets|attentions|samplers)\.\d+$|attn\d$|ff$/.test(path),
    );
    const signatures = [
      liveGraph(unet, new Set(), () => "fresh"),
      ...modules.map((path) => liveGraph(unet, new Set([path]), () => "cache")),
    ];
    await executor.prepare(unet, signatures);
    expect(alive.sessions).toBe(executor.segments.length);
    expect(alive.sessions).toBeGreaterThan(20);
    await close();
    expect(alive).toMatchObject({ sessions: 0, tensors: 0 });
  },
);

const all = ["early", "late"];
const reuse = (units: string[], refresh: unknown, phases = all) =>
  ({ units, phases, action: "reuse", refresh }) as Rule;

describe("UnetExecutor under a plan", () => {
  let open: OpenUnet;
  let alive: Alive;
  beforeAll(async () => {
    const counting = countingDevice(device);
    ({ alive } = counting);
    open = await openUnet("tiny-text-ts", counting.device);
  });
  afterAll(() => open.close());
  const run = (rules: Rule[], guidanceScale?: number) =>
    runSchedule(open, scheduleOf(open.unet, planOf(rules), guidanceScale));

  test("reuse refreshed at every step is run", async () => {
    const right = await run([]);
    const units = ["mid_block", "up_blocks.*", "**.skip", "**.attn2"];
    expect(
      farthest(await run([reuse(units, { every: 1 })]), right),
    ).toBeLessThan(same);
    expect(
      farthest(
        await run([reuse(units, { at: timesteps.map((_, i) => i) })]),
        right,
      ),
    ).toBeLessThan(same);
  });

  test("the same plan again is not cut again; another one is", async () => {
    const { executor } = open;
    await run([reuse(["mid_block"], { every: 2 })]);
    const { segments } = executor;
    await run([reuse(["mid_block"], { every: 3 })]);
    expect(executor.segments).toBe(segments);
    await run([reuse(["up_blocks.0"], { every: 2 })]);
    expect(executor.segments).not.toBe(segments);
    await run([reuse(["mid_block"], { every: 2 })]);
    expect(executor.segments.map(({ key }) => key)).toEqual(
      segments.map(({ key }) => key),
    );
  });

  test("reuse and zero change the output, in their contexts only", async () => {
    const right = await run([]);
    for (const rule of [
      reuse(["up_blocks.1"], { every: 2 }),
      { units: ["mid_block"], action: "zero" },
      {
        units: ["up_blocks.1.resnets.0.skip"],
        action: "zero",
        contexts: ["uncond"],
      },
    ] as Rule[]) {
      const found = await run([rule]);
      expect(farthest(found, right)).toBeGreaterThan(0.01);
      if (rule.contexts) {
        const cond = (outputs: Outputs) =>
          outputs.map((step) => ({ cond: step.cond! }));
        expect(farthest(cond(found), cond(right))).toBeLessThan(same);
      }
    }
  });

  test("zeroing the last unit is zeros, not a failure", async () => {
    const found = await run([{ units: ["conv_out"], action: "zero" }]);
    expect(found.flatMap(({ cond }) => [...cond!]).every((x) => x === 0)).toBe(
      true,
    );
  });

  test("one plan, another, and the first again: the first's bytes again", async () => {
    const a = [reuse(["up_blocks.1"], { every: 2 })];
    const b = [reuse(["mid_block", "**.skip"], { at: [0, 3] })];
    const first = await run(a);
    const second = await run(b);
    expect(await run(a)).toEqual(first);
    expect(await run(b)).toEqual(second);
    expect(farthest(first, second)).toBeGreaterThan(0.01);
  });

  test("holds the sessions of its own partition only", async () => {
    await run([reuse(["**.resnets.*"], { every: 2 })]);
    expect(open.executor.segments.length).toBeGreaterThan(3);
    expect(alive.sessions).toBe(open.executor.segments.length);
    await run([]);
    expect(alive.sessions).toBe(3);
  });

  test("frees every tensor of a run", async () => {
    const rules = [
      reuse(["mid_block", "**.skip"], { at: [0, 2] }),
      reuse(["**.attn2"], "never", ["late"]),
      {
        units: ["up_blocks.0"],
        action: "zero",
        phases: ["late"],
        contexts: ["uncond"],
      } as Rule,
    ];
    await run(rules);
    const { tensors } = alive; // what follows from shapes is kept for the next run
    for (let i = 0; i < 3; i++) await run(rules);
    expect(alive.tensors).toBe(tensors);
  });

  test("a run that throws spoils neither the next one nor the memory", async () => {
    const rules = [reuse(["up_blocks.1"], { every: 2 })];
    const right = await run(rules);
    const { tensors, sessions } = alive;
    for (const after of [0, 3, 7]) {
      const failing = failAfter(alive, after);
      await expect(run(rules)).rejects.toBe(failing);
      expect(alive.tensors).toBe(tensors);
      expect(alive.sessions).toBe(sessions - 1);
      expect(await run(rules)).toEqual(right);
      expect(alive.sessions).toBe(sessions);
    }
  });

  test("frees everything when it is disposed", async () => {
    const counting = countingDevice(device);
    const mine = await openUnet("tiny-ddpm-ts", counting.device);
    const plan = planOf([
      reuse(["up_blocks.1"], { every: 2 }),
      { units: ["mid_block"], phases: ["late"], action: "zero" },
    ]);
    await runSchedule(mine, scheduleOf(mine.unet, plan));
    await mine.close();
    expect(counting.alive).toMatchObject({ tensors: 0, sessions: 0 });
  });
});

describe("runPipeline()", () => {
  const load = async (name: string) => {
    const { device: counted, alive } = countingDevice(device);
    return {
      alive,
      model: await Model.load(await openFolder(fixtureFolder(name)), counted),
    };
  };
  const prompt = "a red boat on the sea at night";

  test("pads the last chunk of a static batch, and draws what single runs draw", async () => {
    const { model } = await load("tiny-text-ts-static");
    const draw = (seed: number, numImagesPerPrompt: number) =>
      finishRun(
        runPipeline(
          model,
          parseRequest({
            prompt,
            seed,
            numImagesPerPrompt,
            numInferenceSteps: 4,
          }),
        ),
      );
    const { sample, images, sampleShape } = await draw(5, 3);
    expect(sampleShape).toEqual([3, 3, 16, 16]);
    expect(images).toHaveLength(3);
    for (const i of [0, 1, 2]) {
      const one = await draw(5 + i, 1);
      const length = one.sample.length;
      expect(
        distance(sample.subarray(i * length, (i + 1) * length), one.sample),
      ).toBeLessThan(1e-4);
    }
    await model.dispose();
  });

  test("an abort in the middle rejects with its reason and frees everything", async () => {
    const { model, alive } = await load("tiny-text-ts");
    const plan = planOf([reuse(["mid_block", "**.skip"], { at: [0, 4] })]);
    const options = { prompt, numInferenceSteps: 8, plan };
    await finishRun(runPipeline(model, parseRequest(options)));
    const { tensors } = alive;
    for (const after of [0, 3, 10, 25]) {
      const controller = new AbortController();
      const reason = new Error("enough");
      const last = alive.runs + after;
      alive.beforeRun = (runs) => {
        if (runs === last) controller.abort(reason);
      };
      const run = runPipeline(model, parseRequest(options), controller.signal);
      await expect(finishRun(run)).rejects.toBe(reason);
      // while it prepares, what comes before the first step still runs
      expect(alive.runs - last).toBeLessThanOrEqual(after < 5 ? 5 : 2);
      expect(alive.tensors).toBe(tensors);
    }
    alive.beforeRun = undefined;
    await model.dispose();
    expect(alive).toMatchObject({ tensors: 0, sessions: 0 });
  });

  test("leaving the loop early frees everything", async () => {
    const { model, alive } = await load("tiny-text-ts");
    const options = { prompt, numInferenceSteps: 8, preview: 2 };
    await finishRun(runPipeline(model, parseRequest(options)));
    const { tensors } = alive;
    for await (const step of runPipeline(model, parseRequest(options))) {
      if (step.stepIndex === 3) break;
    }
    expect(alive.tensors).toBe(tensors);
    await model.dispose();
    expect(alive).toMatchObject({ tensors: 0, sessions: 0 });
  });

  test("a failure while it prepares frees everything", async () => {
    const { model, alive } = await load("tiny-text-ts");
    const options = { prompt, numInferenceSteps: 2 };
    await finishRun(runPipeline(model, parseRequest(options)));
    const { tensors } = alive;
    // the prompts' encodings, then the text segments of both contexts
    for (const after of [0, 1, 2, 3]) {
      const failing = failAfter(alive, after);
      await expect(
        finishRun(runPipeline(model, parseRequest(options))),
      ).rejects.toBe(failing);
      expect(alive.tensors, `run ${after}`).toBe(tensors);
    }
    await model.dispose();
  });
});
