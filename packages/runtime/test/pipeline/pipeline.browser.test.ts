// The whole way in a real browser: HTTP, IndexedDB, a worker, WASM with and without threads.
import { afterEach, describe, expect, inject, test } from "vitest";
import {
  loadPipeline,
  type LoadOptions,
  type Pipeline,
} from "../../src/index.js";
import { fewSteps, relativeError } from "./pipeline-cases.js";

const open: Pipeline[] = [];
afterEach(() => {
  for (const pipeline of open.splice(0)) pipeline.dispose();
});

async function load(
  model: string,
  options: Partial<LoadOptions> = {},
): Promise<Pipeline> {
  const pipeline = await loadPipeline(`/models/${model}/`, {
    worker: () =>
      new Worker(new URL("../wire/pipeline-worker.ts", import.meta.url), {
        type: "module",
      }),
    device: "wasm",
    ...options,
  });
  open.push(pipeline);
  return pipeline;
}

describe("loadPipeline() in a page", { timeout: 60_000 }, () => {
  test("draws the same picture again, also from cached weights", async () => {
    const first = await (await load("tiny-text-ts")).generate(fewSteps);
    const kinds = new Set<string>();
    const again = await load("tiny-text-ts", {
      onProgress: ({ kind }) => kinds.add(kind),
    });
    expect(kinds).toEqual(new Set(["cached", "complete"]));
    const second = await again.generate(fewSteps);
    expect(second.sample).toEqual(first.sample);
    expect(second.images[0]!.data).toEqual(first.images[0]!.data);
  });

  test("uses threads exactly where the page is isolated", async () => {
    const pipeline = await load("tiny-text-ts", { threads: 2 });
    const { report } = await pipeline.generate(fewSteps);
    expect(globalThis.crossOriginIsolated).toBe(inject("isolated"));
    expect(report.threads).toBe(inject("isolated") ? 2 : 1);
    expect(pipeline.warnings).toHaveLength(inject("isolated") ? 0 : 1);
  });

  test("starts from an ImageData, under another as a mask", async () => {
    const image = new ImageData(16, 16);
    image.data.forEach((_, i) => (image.data[i] = i % 251));
    const mask = new ImageData(16, 16); // transparent black: all is kept
    const pipeline = await load("tiny-text-ts");
    const { images } = await pipeline.generate({ ...fewSteps, image, mask });
    const colours = (data: Uint8ClampedArray) =>
      data.filter((_, i) => i % 4 < 3);
    expect(colours(images[0]!.data)).toEqual(colours(image.data));
  });

  test("a plan that does nothing is the same as no plan", async () => {
    const pipeline = await load("tiny-text-ts");
    const plain = await pipeline.generate(fewSteps);
    const plan = {
      format: "phaseskip-plan" as const,
      version: 1 as const,
      phases: [],
      rules: [
        {
          units: ["up_blocks.1"],
          action: "reuse" as const,
          refresh: { every: 1 },
        },
      ],
    };
    const cut = await pipeline.generate({ ...fewSteps, plan });
    expect(relativeError(cut.sample, plain.sample)).toBeLessThan(1e-5);
    expect(cut.report.segments).toBeGreaterThan(0);
  });

  test("previews come with the steps that were asked for", async () => {
    const pipeline = await load("tiny-text-ts");
    const shown: number[] = [];
    for await (const step of pipeline.denoise({ ...fewSteps, preview: 2 })) {
      if (step.preview) shown.push(step.stepIndex);
    }
    expect(shown).toEqual([1, 3, 4]);
  });

  test("an abort rejects at once with the signal's reason, and the pipeline goes on", async () => {
    const pipeline = await load("tiny-text-ts");
    const reason = new Error("changed my mind");
    const controller = new AbortController();
    const steps = pipeline.denoise({
      ...fewSteps,
      numInferenceSteps: 50,
      signal: controller.signal,
    });
    await steps.next();
    const pulled = steps.next();
    controller.abort(reason);
    await expect(pulled).rejects.toBe(reason);
    const { images } = await pipeline.generate(fewSteps);
    expect(images).toHaveLength(1);
  });

  test("a worker file that is not there is worker-lost", async () => {
    const worker = () => new Worker("/no-such-worker.js", { type: "module" });
    await expect(load("tiny-text-ts", { worker })).rejects.toMatchObject({
      code: "worker-lost",
    });
  });

  test("a model that is not there is fetch-failed", async () => {
    await expect(load("no-such-model")).rejects.toMatchObject({
      code: "fetch-failed",
    });
  });

  test("dispose() rejects what is under way", async () => {
    const pipeline = await load("tiny-text-ts");
    const pending = pipeline.generate({ ...fewSteps, numInferenceSteps: 50 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    pipeline.dispose();
    await expect(pending).rejects.toMatchObject({ code: "disposed" });
    await expect(pipeline.generate(fewSteps)).rejects.toMatchObject({
      code: "disposed",
    });
  });
});
