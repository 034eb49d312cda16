// Both ends of a web worker's wire. The counterpart for Node is node-endpoint.ts.

import { greetingPort } from "./greeting.js";

/** A worker of this platform, as an app makes it. */
export interface WorkerLike {
  /** Sends a message; what is in `transfer` moves with it. */
  postMessage(message: unknown, transfer?: readonly unknown[]): void;
  /** Ends the worker at once. */
  terminate(): unknown;
}

/**
 * On the page: calls back when the worker fails: its script cannot be loaded or run, or it throws.
 * @returns ends the watch
 */
export function watchWorker(
  worker: WorkerLike,
  onLost: (reason: string) => void,
): () => void {
  const target = worker as Worker;
  const listener = (event: Event) => {
    const message = (event as ErrorEvent).message as string | undefined;
    // what engines say of a module that is read as a classic script
    const isModule = /SyntaxError.*\b(import|export|module)\b/.test(
      message ?? "",
    );
    const hint = isModule ? ' (make it with { type: "module" })' : "";
    onLost(
      message
        ? `its script failed: ${message}${hint}`
        : "its script could not be loaded (is the URL right, is it JavaScript and served as such, is it made with type module, does the content security policy allow it?)",
    );
  };
  target.addEventListener("error", listener);
  return () => target.removeEventListener("error", listener);
}

/** In the worker: takes every page's wire; nothing in one of ONNX Runtime's own threads. */
export function onConnect(accept: (port: MessagePort) => void): void {
  if ((globalThis as { readonly name?: string }).name === "em-pthread") return;
  addEventListener("message", ({ data }: MessageEvent<unknown>) => {
    const port = greetingPort(data);
    if (port) accept(port);
  });
}

/**
 * In the worker: takes a lock that the browser frees when the worker ends, which nothing else tells its page.
 * @returns the lock's name; undefined where there are no locks: outside a secure context
 */
export async function holdLife(): Promise<string | undefined> {
  const { locks } = navigator as Partial<Navigator>;
  if (!locks) return undefined;
  const name = `phaseskip-worker-${crypto.randomUUID()}`;
  const hold = (isHeld: (name: string) => void) => () => {
    isHeld(name);
    return new Promise<never>(() => undefined);
  };
  return new Promise((resolve) => {
    locks.request(name, hold(resolve)).catch(() => resolve(undefined));
  });
}

/**
 * On the page: calls back when the worker that took a lock may have ended: the lock is free, or not to be seen. After
 * its site's data were cleared, a page sees no lock that is taken from then on, and workers live all the same.
 * @returns ends the watch
 */
export function watchLife(name: string, onDoubt: () => void): () => void {
  const watch = new AbortController();
  const { signal } = watch;
  const { locks } = navigator;
  const look = async () => {
    const { held = [] } = await locks.query();
    if (held.some((lock) => lock.name === name))
      await locks.request(name, { mode: "shared", signal }, onDoubt);
    else onDoubt();
  };
  look().catch(() => undefined); // the watch was ended
  return () => watch.abort();
}
