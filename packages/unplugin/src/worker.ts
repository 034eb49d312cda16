// The worker that the plug-in lays beside an app's files.

/** Where its files lie, relative to the page; the plug-in writes the build's own address here. */
const folder = "phaseskip/";

/**
 * Starts the worker, for `loadPipeline`.
 *
 * @example
 * ```ts
 * import { loadPipeline } from "phaseskip";
 * import { worker } from "@phaseskip/unplugin/worker";
 *
 * const pipeline = await loadPipeline("/models/scenes/", { worker });
 * ```
 */
export function worker(): Worker {
  const url = new URL(`${folder}phaseskip.worker.js`, document.baseURI);
  return new Worker(url, { type: "module" });
}
