// Calls of one pipeline beside each other: aborts, queues, ends; and pipelines beside each other in one worker.
import { afterEach, describe, expect, test } from "vitest";
import {
  loadPipeline,
  type LoadOptions,
  type Pipeline,
} from "../../src/index.js";
import { fewSteps } from "../pipeline/pipeline-cases.js";

const open: Pipeline[] = [];
const workers: Worker[] = [];
afterEach(() => {
  for (const pipeline of open.splice(0)) pipeline.dispose();
  for (const worker of workers.splice(0)) worker.terminate();
});

function makeWorker(): Worker {
  const worker = new Worker(new URL("./pipeline-worker.ts", import.meta.url), {
    type: "module",
  });
  workers.push(worker);
  return worker;
}

async function load(options: Partial<LoadOptions> = {}): Promise<Pipeline> {
  const pipeline = await loadPipeline("/models/tiny-text-ts/", {
    worker: makeWorker,
    device: "wasm",
    ...options,
  });
  open.push(pipeline);
  return pipeline;
}

const manySteps = { ...fewSteps, numInferenceSteps: 200 };

describe("an abort", () => {
  test("ends a load at once", async () => {
    const controller = new AbortController();
    const reason = new Error("not this one");
    const loading = load({
      cache: false,
      signal: controller.signal,
      onProgress: () => controller.abort(reason),
    });
    await expect(loading).rejects.toBe(reason);
  });

  test("lets a call that waits never start", async () => {
    const pipeline = await load();
    const running = pipeline.denoise(manySteps);
    await running.next();
    const controller = new AbortController();
    let steps = 0;
    const waiting = pipeline.generate({
      ...fewSteps,
      signal: controller.signal,
      onStep: () => steps++,
    });
    controller.abort(new Error("no longer"));
    await expect(waiting).rejects.toThrow("no longer");
    await running.return(undefined as never);
    await pipeline.generate(fewSteps);
    expect(steps).toBe(0);
  });

  test("frees the queue, also while nobody pulls", async () => {
    const pipeline = await load();
    const controller = new AbortController();
    const steps = pipeline.denoise({ ...manySteps, signal: controller.signal });
    await steps.next();
    controller.abort(new Error("enough"));
    const { images } = await pipeline.generate(fewSteps);
    expect(images).toHaveLength(1);
    await expect(steps.next()).rejects.toThrow("enough");
  });
});

describe("whenBusy", () => {
  test('"queue" draws all calls in their order', async () => {
    const pipeline = await load();
    const order: number[] = [];
    const calls = [1, 2, 3].map((seed) =>
      pipeline.generate({ ...fewSteps, seed }).then(({ report }) => {
        order.push(report.seed);
      }),
    );
    await Promise.all(calls);
    expect(order).toEqual([1, 2, 3]);
  });

  test('"latest" ends the call that runs and those that wait', async () => {
    const pipeline = await load();
    const whenBusy = "latest";
    const calls = [1, 2, 3].map((seed) =>
      pipeline.generate({ ...manySteps, seed, whenBusy }),
    );
    const last = pipeline.generate({ ...fewSteps, seed: 4, whenBusy });
    for (const call of calls)
      await expect(call).rejects.toMatchObject({ name: "AbortError" });
    expect((await last).report.seed).toBe(4);
  });

  test("of another value is a TypeError", async () => {
    const pipeline = await load();
    const whenBusy = "never" as "latest";
    await expect(pipeline.generate({ ...fewSteps, whenBusy })).rejects.toThrow(
      /whenBusy must be one of queue, latest: current value is never/,
    );
  });
});

test("dispose() rejects calls that run, wait and come with disposed, and ends the worker", async () => {
  const pipeline = await load();
  const calls = [pipeline.generate(manySteps), pipeline.generate(fewSteps)];
  await new Promise((resolve) => setTimeout(resolve, 100));
  pipeline.dispose();
  calls.push(pipeline.generate(fewSteps));
  for (const call of calls)
    await expect(call).rejects.toMatchObject({ code: "disposed" });
});

test("two pipelines share a worker: each draws, and the end of one leaves the other", async () => {
  const worker = makeWorker();
  const [first, second] = await Promise.all([
    load({ worker }),
    load({ worker }),
  ]);
  const [a, b] = await Promise.all([
    first.generate(fewSteps),
    second.generate(fewSteps),
  ]);
  expect(b.sample).toEqual(a.sample);
  first.dispose();
  const again = await second.generate(fewSteps);
  expect(again.sample).toEqual(a.sample);
  second.dispose();
  const third = await load({ worker });
  expect((await third.generate(fewSteps)).sample).toEqual(a.sample);
});

test("an app's own messages pass a worker by", async () => {
  const worker = makeWorker();
  worker.postMessage("hello");
  worker.postMessage(null);
  const pipeline = await load({ worker });
  expect((await pipeline.generate(fewSteps)).images).toHaveLength(1);
});

test("an exception in onStep ends the run, and the next call goes on", async () => {
  const pipeline = await load();
  const onStep = () => {
    throw new Error("the app's own");
  };
  await expect(pipeline.generate({ ...manySteps, onStep })).rejects.toThrow(
    "the app's own",
  );
  expect((await pipeline.generate(fewSteps)).images).toHaveLength(1);
});

test("an exception in onProgress ends the load", async () => {
  const onProgress = () => {
    throw new Error("the app's own");
  };
  await expect(load({ onProgress })).rejects.toThrow("the app's own");
});

test("options that cannot be sent are a TypeError", async () => {
  const pipeline = await load();
  const prompt = (() => "a boat") as unknown as string;
  await expect(pipeline.generate({ prompt })).rejects.toThrow(TypeError);
});

test('previews come as bitmaps with previewAs "bitmap", of the same pixels', async () => {
  const pipeline = await load();
  const request = { ...fewSteps, preview: 5 };
  const pixels = async (bitmap: ImageBitmap) => {
    const { width, height } = bitmap;
    const context = new OffscreenCanvas(width, height).getContext("2d")!;
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    return context.getImageData(0, 0, width, height).data;
  };
  let drawn: Uint8ClampedArray | undefined;
  for await (const { preview } of pipeline.denoise({
    ...request,
    previewAs: "bitmap",
  }))
    if (preview) drawn = await pixels(preview[0]!);
  let wanted: Uint8ClampedArray | undefined;
  for await (const { preview } of pipeline.denoise(request))
    wanted = preview?.[0]!.data ?? wanted;
  expect(drawn).toEqual(wanted);
});
