// Pipelines that components share: the same model with the same options is loaded once, and freed after the last of them.

import {
  loadPipeline,
  type FolderProgress,
  type LoadOptions,
  type Pipeline,
} from "@phaseskip/runtime";

/** What a component asks for. */
export type SharedOptions = Omit<LoadOptions, "onProgress" | "signal">;

/** A share in a pipeline. */
export interface PipelineShare {
  /** Settles when the model is loaded. */
  readonly pipeline: Promise<Pipeline>;
  /** Gives the share back. */
  release(): void;
}

interface Entry {
  readonly pipeline: Promise<Pipeline>;
  readonly controller: AbortController;
  readonly listeners: Set<(progress: FolderProgress) => void>;
  shares: number;
}

const entries = new Map<string, Entry>();

/** What tells one pipeline from another; functions do not: a component makes them anew each time it renders. */
export function keyOf(model: string | URL, options: SharedOptions): string {
  return JSON.stringify([String(model), options]);
}

/** Takes a share in a pipeline, which is loaded where nobody holds it yet. */
export function sharePipeline(
  model: string | URL,
  options: SharedOptions,
  onProgress: (progress: FolderProgress) => void,
): PipelineShare {
  const key = keyOf(model, options);
  const entry = entries.get(key) ?? open(key, model, options);
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
      // strict mode takes a component out and puts it back within one task
      setTimeout(() => close(key, entry));
    },
  };
}

function open(key: string, model: string | URL, options: SharedOptions): Entry {
  const listeners: Entry["listeners"] = new Set();
  const controller = new AbortController();
  const pipeline = loadPipeline(model, {
    ...options,
    signal: controller.signal,
    onProgress: (progress) => {
      for (const listener of listeners) listener(progress);
    },
  });
  const entry = { pipeline, controller, listeners, shares: 0 };
  entries.set(key, entry);
  // whoever asks next tries again
  pipeline.catch(() => forget(key, entry));
  return entry;
}

function close(key: string, entry: Entry): void {
  if (entry.shares > 0) return;
  forget(key, entry);
  entry.controller.abort();
  entry.pipeline.then(
    (pipeline) => pipeline.dispose(),
    () => undefined,
  );
}

function forget(key: string, entry: Entry): void {
  if (entries.get(key) === entry) entries.delete(key);
}
