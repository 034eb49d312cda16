// A pipeline in a worker thread, as the command and the demo use it.

import { Worker } from "node:worker_threads";
import {
  loadPipeline,
  type LoadOptions,
  type Pipeline,
} from "@phaseskip/runtime";
import type { Progress } from "./terminal/progress.js";

/** How {@link openPipeline} loads. */
export interface OpenPipelineOptions extends Omit<
  LoadOptions,
  "worker" | "onProgress"
> {
  /** Shows what is fetched. @default nothing is shown */
  readonly progress?: Progress;
}

/**
 * Loads a model in a worker thread of its own; `dispose` ends the thread.
 * @param location path or URL of the model folder
 * @throws {PhaseskipError} As `loadPipeline` does.
 */
export async function openPipeline(
  location: string | URL,
  options: OpenPipelineOptions = {},
): Promise<Pipeline> {
  const { progress, device = "wasm", ...rest } = options;
  return loadPipeline(location, {
    ...rest,
    device,
    worker: () => new Worker(new URL("./node-worker.js", import.meta.url)),
    onProgress: (news) => {
      if (news.kind !== "download" || news.modelTotal === 0) return;
      progress?.show("loading", news.modelLoaded, news.modelTotal, news.path);
    },
  });
}
