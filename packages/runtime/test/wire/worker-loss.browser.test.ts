// Every call settles, whatever happens to the worker.
import { afterEach, describe, expect, test, vi } from "vitest";
import {
  loadPipeline,
  type LoadOptions,
  type Pipeline,
} from "../../src/index.js";
import { fewSteps } from "../pipeline/pipeline-cases.js";

const open: Pipeline[] = [];
afterEach(() => {
  vi.useRealTimers();
  for (const pipeline of open.splice(0)) pipeline.dispose();
});

const makeWorker = () =>
  new Worker(new URL("./pipeline-worker.ts", import.meta.url), {
    type: "module",
  });
const workerOf = (code: string) => () =>
  new Worker(
    URL.createObjectURL(new Blob([code], { type: "text/javascript" })),
    { type: "module" },
  );

async function load(worker: LoadOptions["worker"]): Promise<Pipeline> {
  const pipeline = await loadPipeline("/models/tiny-text-ts/", {
    worker,
    device: "wasm",
  });
  open.push(pipeline);
  return pipeline;
}

describe("loadPipeline() rejects with worker-lost, and says why, if the worker's file", () => {
  test.each([
    [
      "is not there",
      () => new Worker("/no-such-worker.js", { type: "module" }),
      /script could not be loaded/,
    ],
    ["is no JavaScript", workerOf("let let = ;"), /is it JavaScript/],
    ["throws", workerOf("throw new Error('no luck')"), /no luck/],
    [
      "imports what is not there",
      workerOf(`import "${location.origin}/no-such-part.js"`),
      /could not be loaded/,
    ],
    [
      "is on another origin",
      () => new Worker("http://elsewhere.invalid/worker.js"),
      /page's own origin/,
    ],
    [
      "is of another release",
      workerOf(
        `onmessage = ({ data }) => { const port = data.phaseskip;
           port.onmessage = ({ data: { id } }) => port.postMessage({ id, type: "RAW", value: { protocol: 1 } }); }`,
      ),
      /another release/,
    ],
    [
      "fails at the first question",
      workerOf(
        `onmessage = ({ data }) => data.phaseskip.onmessage = () => dispatchEvent(new MessageEvent("x")) && nothing()`,
      ),
      /nothing is not defined/,
    ],
  ])("%s", async (_, worker, reason) => {
    await expect(load(worker)).rejects.toMatchObject({
      code: "worker-lost",
      message: expect.stringMatching(reason) as string,
    });
  });

  test("never calls serve()", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const loading = load(workerOf("// nothing"));
    const rejects = expect(loading).rejects.toMatchObject({
      code: "worker-lost",
      message: expect.stringMatching(/within 30 s.*serve\(\)/) as string,
    });
    vi.advanceTimersByTime(30_000);
    await rejects;
  });
});

describe("a worker that is ended from outside", () => {
  test("rejects what is under way; the next call gets a fresh one from the function", async () => {
    const made: Worker[] = [];
    const pipeline = await load(() => {
      made.push(makeWorker());
      return made.at(-1)!;
    });
    const steps = pipeline.denoise({ ...fewSteps, numInferenceSteps: 200 });
    await steps.next();
    const pulled = steps.next();
    const queued = pipeline.generate(fewSteps);
    made[0]!.terminate();
    for (const call of [pulled, queued])
      await expect(call).rejects.toMatchObject({ code: "worker-lost" });
    const { images } = await pipeline.generate(fewSteps);
    expect(images).toHaveLength(1);
    expect(made).toHaveLength(2);
  });

  test("is replaced before the next call if nothing was under way", async () => {
    const made: Worker[] = [];
    const pipeline = await load(() => {
      made.push(makeWorker());
      return made.at(-1)!;
    });
    made[0]!.terminate();
    await new Promise((resolve) => setTimeout(resolve, 200));
    const { images } = await pipeline.generate(fewSteps);
    expect(images).toHaveLength(1);
  });

  test("stays lost where it is the app's own", async () => {
    const worker = makeWorker();
    const pipeline = await load(worker);
    const pending = pipeline.generate({ ...fewSteps, numInferenceSteps: 200 });
    setTimeout(() => worker.terminate(), 100);
    await expect(pending).rejects.toMatchObject({ code: "worker-lost" });
    await expect(pipeline.generate(fewSteps)).rejects.toMatchObject({
      code: "worker-lost",
    });
  });
});
