// The page's side: from a model's address to a pipeline.

import type { FolderProgress } from "./folder.js";
import type { Pipeline } from "./pipeline.js";
import type { DeviceKind } from "./session.js";
import type { WorkerLike } from "./web-endpoint.js";
import { WorkerPipeline } from "./worker-pipeline.js";

/** How a pipeline is loaded. */
export interface LoadOptions {
  /**
   * The worker that does the work. A function makes one that the pipeline owns: it ends with `dispose`, and
   * is replaced when it is lost. A worker is the app's own, and may serve several pipelines.
   */
  readonly worker: WorkerLike | (() => WorkerLike);
  /** `"auto"` is WebGPU where there is an adapter, else WASM; `"node"` needs onnxruntime-node. @default "auto" */
  readonly device?: DeviceKind | "auto";
  /** WASM threads. @default half the cores, at most 4; 1 without cross-origin isolation */
  readonly threads?: number;
  /** Keep the weights in IndexedDB. @default true */
  readonly cache?: boolean;
  /** Told of every file that is fetched; bytes. */
  readonly onProgress?: (progress: FolderProgress) => void;
  /** Cancels the loading. */
  readonly signal?: AbortSignal;
}

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
 * @param location URL of the folder, in a page also relative to it; in Node also a path
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
  const base = (globalThis as { document?: { baseURI?: string } }).document
    ?.baseURI;
  const place =
    base === undefined ? String(location) : new URL(location, base).href;
  const pipeline = new WorkerPipeline(place, options);
  await pipeline.connect(options.signal);
  return pipeline;
}
