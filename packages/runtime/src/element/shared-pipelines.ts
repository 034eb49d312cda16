// Pipelines that several elements of a page share: the same model in the same worker is loaded once. What loads one is
// fetched with the first: a page whose elements draw nothing yet does without.

import type { FolderProgress } from "../download/load-progress.js";
import type { LoadOptions, Pipeline } from "../pipeline.js";

/** What an element asks for. */
export type PipelineRequest = Pick<LoadOptions, "worker"> & {
  /** URL of the model folder. */
  readonly model: string;
  /** The worker file's URL, where `worker` is made from it; else an identity is taken of `worker` itself. */
  readonly workerSrc: string | undefined;
  readonly device: NonNullable<LoadOptions["device"]>;
  readonly dtype: LoadOptions["dtype"] | undefined;
};

/** A share in a pipeline. */
export interface PipelineShare {
  /** Settles when the model is loaded. */
  readonly pipeline: Promise<Pipeline>;
  /** Gives the share back; with the last one the pipeline goes. */
  release(): void;
}

interface Entry {
  readonly pipeline: Promise<Pipeline>;
  readonly listeners: Set<(progress: FolderProgress) => void>;
  readonly controller: AbortController;
  shares: number;
}

const entries = new Map<string, Entry>();
const workerNumbers = new WeakMap<object, number>();
let workerCount = 0;

/** Takes a share in a pipeline, which is loaded where no one holds it yet. */
export function sharePipeline(
  request: PipelineRequest,
  onProgress: (progress: FolderProgress) => void,
): PipelineShare {
  const key = JSON.stringify([
    request.model,
    request.workerSrc ?? workerNumber(request.worker),
    request.device,
    request.dtype,
  ]);
  const entry = entries.get(key) ?? open(key, request);
  entry.shares++;
  entry.listeners.add(onProgress);
  let isHeld = true;
  return {
    pipeline: entry.pipeline,
    release() {
      if (!isHeld) return;
      isHeld = false;
      entry.listeners.delete(onProgress);
      entry.shares--;
      // an element that moves in the page leaves and comes back within one task
      setTimeout(() => close(key, entry));
    },
  };
}

function open(
  key: string,
  { model, worker, device, dtype }: PipelineRequest,
): Entry {
  const listeners: Entry["listeners"] = new Set();
  const controller = new AbortController();
  const pipeline = load(model, {
    worker,
    device,
    ...(dtype !== undefined && { dtype }),
    signal: controller.signal,
    onProgress: (progress) => {
      for (const listener of listeners) listener(progress);
    },
  });
  const entry = { pipeline, listeners, controller, shares: 0 };
  entries.set(key, entry);
  // whoever asks next tries again
  pipeline.catch(() => forget(key, entry));
  return entry;
}

async function load(model: string, options: LoadOptions): Promise<Pipeline> {
  const { loadPipeline } = await import("../load-pipeline.js");
  return loadPipeline(model, options);
}

function close(key: string, entry: Entry): void {
  if (entry.shares > 0 || !forget(key, entry)) return;
  entry.controller.abort();
  entry.pipeline.then(
    (pipeline) => pipeline.dispose(),
    () => undefined,
  );
}

function forget(key: string, entry: Entry): boolean {
  return entries.get(key) === entry && entries.delete(key);
}

function workerNumber(worker: object): number {
  const known = workerNumbers.get(worker) ?? ++workerCount;
  workerNumbers.set(worker, known);
  return known;
}
