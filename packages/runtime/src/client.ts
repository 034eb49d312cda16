// The page's end of the wire to one worker. Every question settles, also when the worker is lost.

import { proxy, wrap, type Remote } from "comlink";
import { watchWorker, workerEndpoint, type WorkerLike } from "#endpoint";
import { PhaseskipError } from "@phaseskip/graph";
import type { FolderProgress } from "./folder.js";
import type { DenoiseOptions } from "./pipeline/request.js";
import type { RunResult, RunStep } from "./pipeline/run.js";
import type {
  LoadMessage,
  LoadedMessage,
  Outcome,
  WorkerApi,
} from "./protocol.js";
import { unwrap } from "./protocol.js";

/** How long a worker may take to answer for the first time, in ms. */
const helloLimit = 30_000;

type Question<T> = (
  api: Remote<WorkerApi>,
  call: number,
) => Promise<Outcome<T>>;

let callCount = 0;

/** One worker, as the page talks to it. */
export class Client {
  readonly #worker: WorkerLike;
  readonly #api: Remote<WorkerApi>;
  readonly #unwatch: () => void;
  readonly #lost: Promise<never>;
  #reject!: (error: unknown) => void;

  constructor(worker: WorkerLike) {
    this.#worker = worker;
    this.#api = wrap<WorkerApi>(workerEndpoint(worker));
    this.#lost = new Promise((_, reject) => (this.#reject = reject));
    this.#lost.catch(() => undefined);
    this.#unwatch = watchWorker(worker, (reason) => {
      this.#reject(
        new PhaseskipError(
          "worker-lost",
          `Cannot go on as the worker was lost: ${reason}`,
        ),
      );
    });
  }

  /** Waits until the worker answers for the first time. */
  async hello(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const message = `Cannot use the worker as it must call serve() from phaseskip/worker: it did not answer within ${helloLimit / 1000} s`;
        reject(new PhaseskipError("worker-lost", message));
      }, helloLimit);
    });
    try {
      await Promise.race([this.#api.hello(), this.#lost, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Loads a model in the worker. */
  async load(
    location: string,
    message: LoadMessage,
    onProgress: ((progress: FolderProgress) => void) | undefined,
    signal?: AbortSignal,
  ): Promise<LoadedMessage> {
    const report = proxy((progress: FolderProgress) => onProgress?.(progress));
    return this.#ask(
      (api, call) => api.load(call, location, message, report),
      signal,
    );
  }

  /** Runs a request, a step for each pull; leaving early ends the run in the worker, too. */
  async *run(
    pipeline: number,
    request: DenoiseOptions,
    signal?: AbortSignal,
  ): AsyncGenerator<RunStep, RunResult, void> {
    const call = ++callCount;
    let isOpen = true;
    try {
      await this.#ask(
        (api) => api.start(call, pipeline, request),
        signal,
        call,
      );
      for (;;) {
        const pulled = await this.#ask((api) => api.next(call), signal, call);
        if (!pulled.isDone) {
          yield pulled.step;
          continue;
        }
        isOpen = false;
        return pulled.result;
      }
    } finally {
      if (isOpen) void this.#tell((api) => api.stop(call));
    }
  }

  /** Frees a model in the worker. */
  async dispose(pipeline: number): Promise<void> {
    await this.#tell((api) => api.dispose(pipeline));
  }

  /** Ends the worker; open questions reject. */
  close(error: unknown): void {
    this.leave(error);
    this.#worker.terminate();
  }

  /** Stops listening to the worker; open questions reject. */
  leave(error: unknown): void {
    this.#reject(error);
    this.#unwatch();
  }

  /** Asks the worker; rejects at once if the signal is aborted, and tells the worker. */
  async #ask<T>(
    question: Question<T>,
    signal: AbortSignal | undefined,
    call = ++callCount,
  ): Promise<T> {
    signal?.throwIfAborted();
    let onAbort!: () => void;
    const aborted = new Promise<void>((resolve) => {
      onAbort = resolve;
    }).then((): never => {
      void this.#tell((api) => api.abort(call));
      throw signal!.reason;
    });
    aborted.catch(() => undefined);
    signal?.addEventListener("abort", onAbort);
    try {
      return unwrap(
        await Promise.race([question(this.#api, call), this.#lost, aborted]),
      );
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** Tells the worker something whose answer changes nothing; gives up when the worker is lost. */
  async #tell(
    message: (api: Remote<WorkerApi>) => Promise<unknown>,
  ): Promise<void> {
    await Promise.race([message(this.#api), this.#lost]).catch(() => undefined);
  }
}
