// Both ends of a web worker's wire. The counterpart for Node is node-endpoint.ts.

import type { Endpoint } from "comlink";

/** A worker of this platform, as an app makes it. */
export interface WorkerLike {
  /** Sends a message; what is in `transfer` moves with it. */
  postMessage(message: unknown, transfer?: readonly unknown[]): void;
  /** Ends the worker at once. */
  terminate(): unknown;
}

/** The page's end. */
export function workerEndpoint(worker: WorkerLike): Endpoint {
  return worker as Worker;
}

/**
 * Calls back when the worker is lost: its script cannot be loaded or run.
 * @returns ends the watch
 */
export function watchWorker(
  worker: WorkerLike,
  onLost: (reason: string) => void,
): () => void {
  const target = worker as Worker;
  const listener = (event: Event) => {
    const message = (event as ErrorEvent).message as string | undefined;
    onLost(
      message
        ? `its script failed: ${message}`
        : "its script could not be loaded (is the URL right, is it served as JavaScript, does the content security policy allow it?)",
    );
  };
  target.addEventListener("error", listener);
  return () => target.removeEventListener("error", listener);
}

/** The worker's end; undefined in one of ONNX Runtime's own threads. */
export function scopeEndpoint(): Endpoint | undefined {
  const scope = globalThis as unknown as Endpoint & { readonly name?: string };
  return scope.name === "em-pthread" ? undefined : scope;
}
