// The page's side: from a model's address to a pipeline.

import type { LoadOptions, Pipeline } from "./pipeline.js";
import { modelUrl } from "./page-url.js";
import { PipelineHandle } from "./wire/pipeline-handle.js";
import { WorkerPipeline } from "./wire/worker-pipeline.js";

export type { LoadOptions } from "./pipeline.js";

/**
 * Loads a model folder.
 *
 * @example
 * ```ts
 * import { loadPipeline } from "phaseskip";
 *
 * const pipeline = await loadPipeline("/models/scenes/", {
 *   worker: () => new Worker(new URL("./phaseskip.worker.ts", import.meta.url), { type: "module" }),
 * });
 * const { images } = await pipeline.generate({ prompt: "a red boat at sunset", seed: 7, plan: "balanced" });
 * ```
 * @param location URL of the folder, in a page also relative to it; in Node also a path; or a model's name on a hub,
 * `org/name`. A relative path of two parts begins with `./` or ends in `/`
 * @throws {TypeError} If there is no worker, or no such dtype
 * @throws {PhaseskipError} `fetch-failed`, `model-invalid`, `model-unsupported`, `worker-lost` and others
 * @throws the signal's reason, if it is aborted
 */
export async function loadPipeline(
  location: string | URL,
  options: LoadOptions,
): Promise<Pipeline> {
  const { worker } = options ?? {};
  if (
    typeof worker !== "function" &&
    typeof worker?.postMessage !== "function"
  ) {
    throw new TypeError(
      "Cannot load a pipeline as worker must be a Worker, or a function that makes one: see the README for its two lines",
    );
  }
  const pipeline = new WorkerPipeline(modelUrl(location), options);
  try {
    await pipeline.connect(options.signal);
    return new PipelineHandle(pipeline);
  } catch (error) {
    pipeline.dispose();
    throw error;
  }
}
