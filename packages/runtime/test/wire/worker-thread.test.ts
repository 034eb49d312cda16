// Pipelines in Node's worker threads: every call settles there, too.
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { afterEach, expect, test, vi } from "vitest";
import "../../../../scripts/hold-ort-code.mjs";
import { serveFaults } from "../../../../e2e/fault-server.js";
import {
  loadPipeline,
  type LoadOptions,
  type Pipeline,
} from "../../src/index.js";
import { fewSteps } from "../pipeline/pipeline-cases.js";

const open: Pipeline[] = [];
afterEach(() => {
  for (const pipeline of open.splice(0)) pipeline.dispose();
});

const makeWorker = () =>
  new Worker(new URL("./pipeline-worker.ts", import.meta.url));
const workerOf = (code: string) => () => new Worker(code, { eval: true });

async function load(worker: LoadOptions["worker"]): Promise<Pipeline> {
  const folder = new URL("../../../../models/tiny-text-ts/", import.meta.url);
  const pipeline = await loadPipeline(fileURLToPath(folder), {
    worker,
    device: "wasm",
    threads: 1,
  });
  open.push(pipeline);
  return pipeline;
}

test("a pipeline draws, aborts, and draws again", async () => {
  const pipeline = await load(makeWorker);
  const first = await pipeline.generate(fewSteps);
  const aborted = pipeline.generate({
    ...fewSteps,
    signal: AbortSignal.abort(new Error("no")),
  });
  await expect(aborted).rejects.toThrow("no");
  const latest = { ...fewSteps, whenBusy: "latest" } as const;
  const dropped = pipeline.generate(fewSteps);
  const second = pipeline.generate(latest);
  await expect(dropped).rejects.toMatchObject({ name: "AbortError" });
  expect((await second).sample).toEqual(first.sample);
});

test("using disposes a pipeline at the end of its block", async () => {
  let kept: Pipeline;
  {
    using pipeline = await load(makeWorker);
    kept = pipeline;
  }
  await expect(kept.generate(fewSteps)).rejects.toMatchObject({
    code: "disposed",
  });
});

test("a pipeline draws while another model's files are on their way to the same worker", async () => {
  const folder = fileURLToPath(
    new URL("../../../../models/tiny-text-ts/", import.meta.url),
  );
  const server = await serveFaults({ folder });
  const worker = makeWorker();
  try {
    const drawing = await load(worker);
    const { sample } = await drawing.generate(fewSteps);
    const stop = new AbortController();
    const options = { worker, device: "wasm", threads: 1 } as const;
    const slow = "text_encoder/model.onnx"; // of all files the last but one
    server.fault(slow, { delayMs: Infinity });
    const loading = loadPipeline(server.url, {
      ...options,
      signal: stop.signal,
    });
    await vi.waitFor(() => expect(server.requests.join()).toContain(slow), {
      timeout: 60_000,
    });
    expect((await drawing.generate(fewSteps)).sample).toEqual(sample);
    stop.abort(new Error("enough"));
    await expect(loading).rejects.toThrow("enough");
    server.fault(slow, {});
    const other = await loadPipeline(server.url, options);
    open.push(other);
    drawing.dispose();
    expect((await other.generate(fewSteps)).sample).toEqual(sample);
  } finally {
    await server.close();
    await worker.terminate();
  }
});

test("auto is WASM, and says why", async () => {
  const folder = new URL("../../../../models/tiny-ddpm-ts/", import.meta.url);
  const pipeline = await loadPipeline(fileURLToPath(folder), {
    worker: makeWorker,
  });
  open.push(pipeline);
  expect(pipeline.device).toBe("wasm");
  const { report } = await pipeline.generate({ numInferenceSteps: 1 });
  expect(report.warnings).toEqual([
    expect.stringMatching(/^running on wasm: (?!Cannot)[^;]*none here$/),
  ]);
});

test("a thread that is ended from outside is replaced", async () => {
  const made: Worker[] = [];
  const pipeline = await load(() => {
    made.push(makeWorker());
    return made.at(-1)!;
  });
  const pending = pipeline.generate({ ...fewSteps, numInferenceSteps: 200 });
  setTimeout(() => void made[0]!.terminate(), 100);
  await expect(pending).rejects.toMatchObject({ code: "worker-lost" });
  expect((await pipeline.generate(fewSteps)).images).toHaveLength(1);
  expect(made).toHaveLength(2);
});

test("a thread of the app's that has ended is worker-lost at once", async () => {
  const worker = makeWorker();
  await worker.terminate();
  await expect(load(worker)).rejects.toMatchObject({ code: "worker-lost" });
});

test.each([
  ["throws", "throw new Error('no luck')", /no luck/],
  ["ends", "process.exit(3)", /ended with code 3/],
  ["is no JavaScript", "let let = ;", /failed/],
])("a thread whose script %s is worker-lost", async (_, code, reason) => {
  await expect(load(workerOf(code))).rejects.toMatchObject({
    code: "worker-lost",
    message: expect.stringMatching(reason) as string,
  });
});

test("a web worker, as Bun and Deno have them, is refused by name", async () => {
  const worker = {
    postMessage: () => undefined,
    terminate: () => undefined,
    addEventListener: () => undefined,
  };
  await expect(load(worker)).rejects.toThrow(
    new TypeError(
      "Cannot load a pipeline as its worker must be a Worker of node:worker_threads outside a page: this one is a web worker",
    ),
  );
});

test("previews cannot be bitmaps in Node", async () => {
  const pipeline = await load(makeWorker);
  const steps = pipeline.denoise({ ...fewSteps, previewAs: "bitmap" });
  await expect(steps.next()).rejects.toThrow(TypeError);
});
