// A browser that keeps nothing of a model: it says so once, and no pipeline fetches what another of its worker has.
import { afterEach, expect, test } from "vitest";
import {
  loadPipeline,
  type FolderProgress,
  type Pipeline,
} from "../../src/index.js";
import { fewSteps } from "../pipeline/pipeline-cases.js";

const open: Pipeline[] = [];
let worker: Worker | undefined;
afterEach(() => {
  for (const pipeline of open.splice(0)) pipeline.dispose();
  worker?.terminate();
});

async function load(): Promise<{ pipeline: Pipeline; kinds: string[] }> {
  worker ??= new Worker(new URL("./storageless-worker.ts", import.meta.url), {
    type: "module",
  });
  const told: FolderProgress[] = [];
  const pipeline = await loadPipeline("/models/tiny-text-ts/", {
    worker,
    device: "wasm",
    onProgress: (progress) => told.push(progress),
  });
  open.push(pipeline);
  return { pipeline, kinds: told.map(({ kind }) => kind) };
}

test("a model that is not kept is told once, and fetched once by all pipelines of a worker", async () => {
  const first = await load();
  expect(first.kinds.filter((kind) => kind === "uncached")).toHaveLength(1);
  expect(first.kinds).toContain("download");
  const warnings = first.pipeline.warnings.filter((warning) =>
    warning.includes("fetched again at each load"),
  );
  expect(warnings).toEqual([expect.stringMatching(/IndexedDB is missing/)]);

  const second = await load();
  expect(second.kinds).not.toContain("download");
  const [a, b] = [
    await first.pipeline.generate(fewSteps),
    await second.pipeline.generate(fewSteps),
  ];
  expect(b.sample).toEqual(a.sample);
  expect(a.report.warnings).toEqual(expect.arrayContaining(warnings));

  // nothing is held for those who are gone
  for (const pipeline of open.splice(0)) pipeline.dispose();
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect((await load()).kinds).toContain("download");
});
