// Both ends of a Node worker thread's wire. The counterpart for browsers is web-endpoint.ts.

import { parentPort, type Worker } from "node:worker_threads";
import { greetingPort } from "./greeting.js";
import type { WorkerLike } from "./web-endpoint.js";

export type { WorkerLike } from "./web-endpoint.js";

/**
 * On the page: calls back when the worker is lost: it threw, or ended.
 * @returns ends the watch
 * @throws {TypeError} If it is a web worker, as Bun and Deno have them, too
 */
export function watchWorker(
  worker: WorkerLike,
  onLost: (reason: string) => void,
): () => void {
  if (!("on" in worker))
    throw new TypeError(
      "Cannot load a pipeline as its worker must be a Worker of node:worker_threads outside a page: this one is a web worker",
    );
  const thread = worker as Worker;
  const onError = (error: Error) => onLost(`it failed: ${error.message}`);
  const onExit = (code: number) => onLost(`it ended with code ${code}`);
  thread.on("error", onError).on("exit", onExit);
  if (thread.threadId === -1) onLost("it had ended before");
  return () => thread.off("error", onError).off("exit", onExit);
}

/** In the worker: takes every page's wire; nothing in the main thread. */
export function onConnect(accept: (port: MessagePort) => void): void {
  parentPort?.on("message", (message: unknown) => {
    const port = greetingPort(message);
    if (port) accept(port);
  });
}

/** A thread that ends tells so itself. */
export async function holdLife(): Promise<string | undefined> {
  return undefined;
}

/** Never called, as no thread holds a lock. */
export function watchLife(): () => void {
  return () => undefined;
}
