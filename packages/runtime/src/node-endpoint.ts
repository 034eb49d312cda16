// Both ends of a Node worker thread's wire. The counterpart for browsers is web-endpoint.ts.

import type { Endpoint } from "comlink";
import nodeEndpoint from "comlink/dist/esm/node-adapter.mjs";
import { parentPort, type Worker } from "node:worker_threads";
import type { WorkerLike } from "./web-endpoint.js";

export type { WorkerLike } from "./web-endpoint.js";

/** The page's end. */
export function workerEndpoint(worker: WorkerLike): Endpoint {
  return nodeEndpoint(worker);
}

/**
 * Calls back when the worker is lost: it threw, or ended.
 * @returns ends the watch
 */
export function watchWorker(
  worker: WorkerLike,
  onLost: (reason: string) => void,
): () => void {
  const thread = worker as Worker;
  const onError = (error: Error) => onLost(`it failed: ${error.message}`);
  const onExit = (code: number) => onLost(`it ended with code ${code}`);
  thread.on("error", onError).on("exit", onExit);
  return () => thread.off("error", onError).off("exit", onExit);
}

/** The worker's end; undefined in the main thread. */
export function scopeEndpoint(): Endpoint | undefined {
  return parentPort ? nodeEndpoint(parentPort) : undefined;
}
