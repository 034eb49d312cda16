// Which device a model runs on, and what happens when a GPU goes.
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  loadPipeline,
  type LoadOptions,
  type Pipeline,
} from "../../src/index.js";
import { fewSteps, relativeError } from "../pipeline/pipeline-cases.js";

const open: Pipeline[] = [];
afterEach(() => {
  for (const pipeline of open.splice(0)) pipeline.dispose();
});

let hasHalf = false;
beforeEach(async ({ skip }) => {
  const adapter = await navigator.gpu?.requestAdapter();
  skip(!adapter, "this browser gives no WebGPU adapter");
  hasHalf = adapter!.features.has("shader-f16");
});

const makeWorker = (name = "") =>
  new Worker(new URL("../wire/gpu-worker.ts", import.meta.url), {
    type: "module",
    name,
  });

async function load(
  options: Partial<LoadOptions>,
  model = "tiny-text-ts",
): Promise<Pipeline> {
  const pipeline = await loadPipeline(`/models/${model}/`, {
    worker: () => makeWorker(),
    ...options,
  });
  open.push(pipeline);
  return pipeline;
}

/** Its Unet alone: shaders take long to compile on software. */
const unetAlone = "tiny-ddpm-ts";
/** For the GPU of the worker "small". */
const tooLarge = "scenes";
const oneStepAlone = { seed: 3, numInferenceSteps: 1 };
const oneStep = { ...fewSteps, numInferenceSteps: 1, guidanceScale: 1 };

test("a GPU lost in the middle of a run is device-lost; the next run is on WASM under auto, and says so", async () => {
  const pipeline = await load({}, unetAlone);
  expect(pipeline.device).toBe("webgpu");
  const steps = pipeline.denoise({ ...oneStepAlone, numInferenceSteps: 50 });
  await steps.next();
  const pulled = steps.next();
  new BroadcastChannel("gpu").postMessage("lose it");
  await expect(
    pulled.then(() => steps.next()).then(() => steps.next()),
  ).rejects.toMatchObject({ code: "device-lost" });
  const { report } = await pipeline.generate(oneStepAlone);
  expect(report.device).toBe("wasm");
  expect(pipeline.device).toBe("wasm");
  expect(report.warnings).toContain("running on wasm: the GPU was lost before");
});

test("a GPU lost under webgpu is opened anew by the next run", async () => {
  const pipeline = await load({ device: "webgpu" }, unetAlone);
  await pipeline.generate(oneStepAlone);
  new BroadcastChannel("gpu").postMessage("lose it");
  await new Promise((resolve) => setTimeout(resolve, 500));
  await expect(pipeline.generate(oneStepAlone)).rejects.toMatchObject({
    code: "device-lost",
  });
  const { report } = await pipeline.generate(oneStepAlone);
  expect(report.device).toBe("webgpu");
});

test("a software adapter: WASM under auto, with the reason; webgpu takes it", async () => {
  const worker = () => makeWorker("software");
  const pipeline = await load({ worker }, unetAlone);
  expect(pipeline.device).toBe("wasm");
  const { report } = await pipeline.generate(oneStepAlone);
  expect(report.warnings).toContainEqual(
    expect.stringMatching(/running on wasm: .*software adapter/),
  );
  const asked = await load({ worker, device: "webgpu" }, unetAlone);
  expect(asked.device).toBe("webgpu");
});

test("a GPU that is too small for one model stays open for another in the same worker", async () => {
  const worker = makeWorker("small");
  const small = await load({ worker, device: "webgpu" }, unetAlone);
  const large = await load({ worker }, tooLarge);
  expect(large.device).toBe("wasm");
  const { report } = await small.generate(oneStepAlone);
  expect(report.device).toBe("webgpu");
  worker.terminate();
});

test("a GPU that is too small for a weight: WASM under auto, with the reason; an error under webgpu", async () => {
  const worker = () => makeWorker("small");
  const pipeline = await load({ worker }, tooLarge);
  expect(pipeline.device).toBe("wasm");
  expect(pipeline.warnings).toEqual([
    expect.stringMatching(/running on wasm: the GPU is too small: its weight/),
  ]);
  const asked = load({ worker, device: "webgpu" }, tooLarge);
  await expect(asked).rejects.toMatchObject({
    code: "model-unsupported",
    message: expect.stringMatching(
      /on webgpu as its weight .* takes/,
    ) as string,
  });
});

test("a model is disposed and loaded again on the GPU in one worker of the app's", async () => {
  const worker = makeWorker();
  const samples: Float32Array[] = [];
  for (let i = 0; i < 2; i++) {
    const pipeline = await load({ worker, device: "webgpu" }, unetAlone);
    samples.push((await pipeline.generate(oneStepAlone)).sample);
    pipeline.dispose();
  }
  expect(samples[1]).toEqual(samples[0]);
  worker.terminate();
});

test("a float16 model draws on the GPU what it draws on WASM, widened where shaders lack float16", async () => {
  const model = "tiny-text-ts-f16";
  const onGpu = await load({ device: "webgpu" }, model);
  const onWasm = await load({ device: "wasm" }, model);
  const { sample } = await onGpu.generate(oneStep);
  const wanted = await onWasm.generate(oneStep);
  const tolerance = hasHalf ? 2e-2 : 1e-3;
  expect(relativeError(sample, wanted.sample)).toBeLessThan(tolerance);
});
