// Pipelines that several parts of a page share: each is loaded once, and freed after the last that holds it.

import type { FolderProgress } from "./download/load-progress.js";
import type { LoadOptions, Pipeline } from "./pipeline.js";

/** A share in a pipeline. */
export interface PipelineShare {
  /** Settles when the model is loaded. */
  readonly pipeline: Promise<Pipeline>;
  /** Gives the share back; with the last one the pipeline goes. */
  release(): void;
}

/** Loads a pipeline, tells how far it is, and stops where the signal says so. */
export type SharedLoad = (
  options: Required<Pick<LoadOptions, "signal" | "onProgress">>,
) => Promise<Pipeline>;

interface Entry {
  readonly pipeline: Promise<Pipeline>;
  readonly listeners: Set<(progress: FolderProgress) => void>;
  readonly controller: AbortController;
  shares: number;
}

/** Pipelines by what tells one from another. */
export class PipelineShares {
  readonly #entries = new Map<string, Entry>();

  /** Takes a share in a pipeline, which is loaded where no one holds it yet. */
  take(
    key: string,
    load: SharedLoad,
    onProgress: (progress: FolderProgress) => void,
  ): PipelineShare {
    const entry = this.#entries.get(key) ?? this.#open(key, load);
    entry.shares++;
    entry.listeners.add(onProgress);
    let isHeld = true;
    return {
      pipeline: entry.pipeline,
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        entry.listeners.delete(onProgress);
        entry.shares--;
        // an element that moves, or a component in strict mode, leaves and comes back within one task
        setTimeout(() => this.#close(key, entry));
      },
    };
  }

  #open(key: string, load: SharedLoad): Entry {
    const listeners: Entry["listeners"] = new Set();
    const controller = new AbortController();
    const pipeline = load({
      signal: controller.signal,
      onProgress: (progress) => {
        for (const listener of listeners) listener(progress);
      },
    });
    const entry = { pipeline, listeners, controller, shares: 0 };
    this.#entries.set(key, entry);
    // whoever asks next tries again
    pipeline.catch(() => this.#forget(key, entry));
    return entry;
  }

  #close(key: string, entry: Entry): void {
    if (entry.shares > 0 || !this.#forget(key, entry)) return;
    entry.controller.abort();
    entry.pipeline.then(
      (pipeline) => pipeline.dispose(),
      () => undefined,
    );
  }

  #forget(key: string, entry: Entry): boolean {
    return this.#entries.get(key) === entry && this.#entries.delete(key);
  }
}
