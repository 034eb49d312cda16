// A page whose site's data are cleared under it: by the user, or by a Clear-Site-Data header. Its locks are freed then,
// and its workers live.
import { cdp } from "vitest/browser";
import { afterEach, expect, test } from "vitest";
import { loadPipeline, type Pipeline } from "../../src/index.js";
import { fewSteps } from "../pipeline/pipeline-cases.js";

const open: Pipeline[] = [];
afterEach(() => {
  for (const pipeline of open.splice(0)) pipeline.dispose();
});

async function load(cache: boolean, made: Worker[] = []): Promise<Pipeline> {
  const pipeline = await loadPipeline("/models/tiny-text-ts/", {
    worker: () => {
      const worker = new Worker(
        new URL("./pipeline-worker.ts", import.meta.url),
        { type: "module" },
      );
      made.push(worker);
      return worker;
    },
    device: "wasm",
    cache,
  });
  open.push(pipeline);
  return pipeline;
}

const clearSiteData = () =>
  (
    cdp() as unknown as {
      send(method: string, options: object): Promise<void>;
    }
  ).send("Storage.clearDataForOrigin", {
    origin: location.origin,
    storageTypes: "all",
  });

test("a pipeline that is loaded draws on, and a new one loads and draws", async () => {
  const before = await load(true);
  await before.generate(fewSteps);
  await clearSiteData();
  const { sample } = await before.generate(fewSteps);
  const after = await load(true);
  expect((await after.generate(fewSteps)).sample).toEqual(sample);
  expect((await before.generate(fewSteps)).sample).toEqual(sample);
});

test("a worker that is made afterwards ends unseen: calls to it end by their signal, and by dispose()", async () => {
  await clearSiteData();
  const workers: Worker[] = [];
  const pipeline = await load(true, workers);
  const controller = new AbortController();
  const { signal } = controller;
  const aborted = pipeline.generate({ ...fewSteps, signal });
  const disposed = pipeline.generate(fewSteps);
  workers[0]!.terminate();
  controller.abort(new Error("enough"));
  await expect(aborted).rejects.toThrow("enough");
  pipeline.dispose();
  await expect(disposed).rejects.toMatchObject({ code: "disposed" });
});
