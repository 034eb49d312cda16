// One pipeline under changing conditions: nothing of a call may be left in the next, whatever changes between them and
// however a call ends.

import { generator } from "@phaseskip/scheduler";
import { afterAll, describe, expect, test, vi } from "vitest";
import { serveFaults } from "../../../../e2e/fault-server.js";
import { openFolder } from "../../src/folder/model-folder.js";
import { Model } from "../../src/pipeline/model.js";
import type {
  DenoiseOptions,
  GenerateOptions,
} from "../../src/pipeline/request.js";
import { parseRequest } from "../../src/pipeline/request.js";
import type { RunResult } from "../../src/pipeline/run.js";
import { runPipeline } from "../../src/pipeline/run.js";
import type { Rule } from "../../src/plan/plan.js";
import { openDevice } from "../../src/device/session.js";
import { countingDevice } from "../device/counting-device.js";
import { fewSteps } from "./pipeline-cases.js";
import { fixtureFolder, planOf } from "../unet/unet-runs.js";
import { finishRun } from "./finish-run.js";

vi.setConfig({ testTimeout: 180_000 });

const { device, alive } = countingDevice(
  await openDevice("wasm", { threads: 1 }),
);
const loaded: Model[] = [];
const load = async (name: string, location = fixtureFolder(name)) => {
  const model = await Model.load(await openFolder(location), device);
  loaded.push(model);
  return model;
};
afterAll(async () => {
  for (const model of loaded) await model.dispose();
  expect(alive).toMatchObject({ tensors: 0, sessions: 0 });
});

async function draw(
  model: Model,
  options: DenoiseOptions,
  signal?: AbortSignal,
): Promise<RunResult> {
  return finishRun(runPipeline(model, parseRequest(options), signal));
}

const reuse = (units: string[], every: number): Rule => ({
  units,
  action: "reuse",
  refresh: { every },
});
const deep = planOf([reuse(["up_blocks.1"], 2)]);
const skips = planOf([reuse(["mid_block", "**.skip"], 3)]);
const zeroed = planOf(
  [{ units: ["mid_block"], phases: ["late"], action: "zero" }],
  [{ phases: ["late"], action: "off" }],
);
const image = {
  data: generator(1)
    .randn(3 * 256)
    .map(Math.tanh),
  width: 16,
  height: 16,
};

/** What changes from one call to the next; each is drawn again after all others. */
const calls: Readonly<Record<string, GenerateOptions>> = {
  plain: {},
  "another plan": { plan: deep },
  "yet another plan": { plan: skips },
  "zeros, and guidance off": { plan: zeroed },
  "more steps": { numInferenceSteps: 9, plan: deep },
  "one step": { numInferenceSteps: 1 },
  "another prompt": { prompt: "the moon", negativePrompt: "a cat" },
  "another size": { height: 32, width: 8, plan: skips },
  "a larger batch": { numImagesPerPrompt: 3, plan: deep },
  "several prompts": { prompt: ["a dog", "the sun"], plan: skips },
  "no guidance": { guidanceScale: 1, plan: deep },
  "a history": { scheduler: "dpmpp-2m", plan: deep },
  "repeated timesteps": { scheduler: "pndm", plan: skips },
  "noise at every step": { scheduler: "euler-ancestral", plan: deep },
  "an image": { image, strength: 0.7, plan: deep },
  "a mask": {
    image,
    mask: { ...image, data: image.data.slice(0, 256).map(Math.abs) },
    plan: skips,
  },
};

describe("a second call", () => {
  test("draws what the first drew, byte for byte, whatever came between", async () => {
    const model = await load("tiny-text-ts");
    const first = new Map<string, Float32Array>();
    for (const [name, options] of Object.entries(calls))
      first.set(name, (await draw(model, { ...fewSteps, ...options })).sample);
    const different = new Set([...first.values()].map((one) => one.join()));
    expect(different.size).toBe(first.size);
    for (const [name, options] of Object.entries(calls).reverse()) {
      const { sample } = await draw(model, { ...fewSteps, ...options });
      expect(sample, name).toEqual(first.get(name));
    }
    for (const [name, options] of Object.entries(calls)) {
      const fresh = await load("tiny-text-ts");
      const { sample } = await draw(fresh, { ...fewSteps, ...options });
      expect(sample, `${name}, on a fresh model`).toEqual(first.get(name));
      await fresh.dispose();
      loaded.pop();
    }
  });

  test.each([
    "tiny-text-ts",
    "tiny-text-dynamo",
    "tiny-sdxl-ts",
    "tiny-sd-dynamo",
  ])(
    "of %s makes no session for another size, batch or prompt",
    async (name) => {
      const model = await load(name);
      const plan = name.startsWith("tiny-text") ? deep : skips;
      const made = vi.spyOn(device, "createSession");
      const count = async (options: GenerateOptions) => {
        made.mockClear();
        await draw(model, { ...fewSteps, plan, ...options });
        return made.mock.calls.length;
      };
      expect(await count({})).toBeGreaterThan(0);
      expect(await count({ height: 32, width: 24 })).toBe(0);
      expect(await count({ numImagesPerPrompt: 2 })).toBe(0);
      expect(await count({ prompt: ["the moon", "a cat"] })).toBe(0);
      expect(await count({ numInferenceSteps: 8, seed: 9 })).toBe(0);
      made.mockRestore();
    },
  );

  test("with another plan fetches nothing again", async () => {
    const folder = fixtureFolder("tiny-text-dynamo");
    const server = await serveFaults({ folder });
    try {
      const model = await load("served", server.url);
      const { sample } = await draw(model, fewSteps);
      const { length } = server.requests;
      const other = await draw(model, { ...fewSteps, plan: deep });
      expect(server.requests).toHaveLength(length);
      expect(other.sample).not.toEqual(sample);
    } finally {
      await server.close();
    }
  });
});

test("two models on one device take turns without a trace", async () => {
  const [a, b] = [await load("tiny-text-ts"), await load("tiny-sd-image-ts")];
  const options = { ...fewSteps, plan: deep };
  const alone = [await draw(a, options), await draw(b, fewSteps)];
  const runs = [
    runPipeline(a, parseRequest(options)),
    runPipeline(b, parseRequest(fewSteps)),
  ];
  const results: (RunResult | undefined)[] = [undefined, undefined];
  for (let turn = 0; results.includes(undefined); turn++) {
    const { done, value } = await runs[turn % 2]!.next();
    if (done && value) results[turn % 2] = value;
  }
  results.forEach((result, i) => {
    expect(result!.sample).toEqual(alone[i]!.sample);
    expect(result!.images).toEqual(alone[i]!.images);
  });
});

test("an image has the VAE's encoder fetched when it is needed, once", async () => {
  const folder = fixtureFolder("tiny-sd-image-ts");
  const server = await serveFaults({ folder });
  const encoders = () =>
    server.requests.filter((line) => line === "GET vae_encoder/model.onnx");
  try {
    const model = await load("served", server.url);
    await draw(model, fewSteps);
    expect(encoders()).toHaveLength(0);
    const first = await draw(model, { ...fewSteps, image });
    const second = await draw(model, { ...fewSteps, image });
    expect(encoders()).toHaveLength(1);
    expect(second.sample).toEqual(first.sample);
  } finally {
    await server.close();
  }
});

describe("a call that ends early", () => {
  const options = {
    ...fewSteps,
    prompt: ["a red boat", "the moon"],
    image,
    strength: 0.5,
    preview: 2,
  };

  test.each(["is aborted", "fails"])(
    "leaves nothing behind where it %s: not in the text encoder, the VAE, or any part of the Unet",
    async (how) => {
      const model = await load("tiny-sd-image-ts");
      await draw(model, options); // loads the VAE's encoder
      let count = 0;
      alive.beforeRun = () => count++;
      const { sample } = await draw(model, options);
      const { tensors } = alive;
      expect(count).toBeGreaterThan(10);
      for (let at = 0; at < count; at++) {
        const stop = new AbortController();
        let run = 0;
        alive.beforeRun = () => {
          if (run++ !== at) return;
          if (how === "fails") throw new Error("the device is out of order");
          stop.abort(new Error("no more"));
        };
        const ended = draw(model, options, stop.signal);
        await (how === "fails"
          ? expect(ended).rejects.toThrow("out of order")
          : expect(ended).rejects.toThrow("no more"));
        expect(alive.tensors, `after run ${at}`).toBe(tensors);
      }
      alive.beforeRun = undefined;
      expect((await draw(model, options)).sample).toEqual(sample);
    },
  );

  test("leaves nothing behind where its loop is left", async () => {
    const model = await load("tiny-text-ts");
    const usual = { ...fewSteps, plan: deep };
    const { sample } = await draw(model, usual);
    const { tensors } = alive;
    const run = runPipeline(model, parseRequest(usual));
    await run.next();
    await run.next();
    expect(alive.tensors).toBeGreaterThan(tensors);
    await run.return(undefined as never);
    expect(alive.tensors).toBe(tensors);
    expect((await draw(model, usual)).sample).toEqual(sample);
  });
});
