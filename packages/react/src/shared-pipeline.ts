// Pipelines that components share: the same model with the same options is loaded once, and freed after the last of them.

import {
  loadPipeline,
  PipelineShares,
  type FolderProgress,
  type LoadOptions,
  type PipelineShare,
} from "@phaseskip/runtime";

/** What a component asks for. */
export type SharedOptions = Omit<LoadOptions, "onProgress" | "signal">;

const shares = new PipelineShares();

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
  return shares.take(
    keyOf(model, options),
    (own) => loadPipeline(model, { ...options, ...own }),
    onProgress,
  );
}
