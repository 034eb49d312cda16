// The README's example, with a model folder and a worker of this repository.
import { Worker } from "node:worker_threads";
import { loadPipeline } from "@phaseskip/runtime";

/** What the example prints. */
export const printed: unknown[][] = [];
const console = { log: (...values: unknown[]) => printed.push(values) };

const pipeline = await loadPipeline("models/scenes", {
  worker: () =>
    new Worker(new URL("./wire/pipeline-worker.ts", import.meta.url)),
});
const { images, report } = await pipeline.generate({
  prompt: "a red boat at sunset",
  seed: 7,
  plan: "balanced",
});
console.log(images[0]!.width, report.macsSaved); // RGBA pixels; the share of the work left out
pipeline.dispose();
