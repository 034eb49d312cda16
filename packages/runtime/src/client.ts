// The page's side: pipelines as an app sees them. The work is done in the worker.

import { proxy, wrap, type Remote } from "comlink";
import { watchWorker, workerEndpoint, type WorkerLike } from "#endpoint";
import { PhaseskipError } from "@phaseskip/graph";
import type { FolderProgress } from "./folder.js";
import type { Picture } from "./pipeline/picture.js";
import type { Report } from "./pipeline/report.js";
import type { DenoiseOptions, GenerateOptions } from "./pipeline/request.js";
import type { RunResult, RunStep } from "./pipeline/run.js";
import type { LoadedMessage, Outcome, WorkerApi } from "./protocol.js";
import { unwrap } from "./protocol.js";
import type { DeviceKind } from "./session.js";

/** How a pipeline is loaded. */
export interface LoadOptions {
  /**
   * The worker that does the work. A function makes one that the pipeline owns: it ends with `dispose`, and
   * is replaced when it is lost. A worker is the app's own, and may serve several pipelines.
   */
  readonly worker: WorkerLike | (() => WorkerLike);
  /** `"auto"` is WebGPU where there is an adapter, else WASM; `"node"` needs onnxruntime-node. @default "auto" */
  readonly device?: DeviceKind | "auto";
  /** WASM threads. @default half the cores, at most 4; 1 without cross-origin isolation */
  readonly threads?: number;
  /** Keep the weights in IndexedDB. @default true */
  readonly cache?: boolean;
  /** Told of every file that is fetched; bytes. */
  readonly onProgress?: (progress: FolderProgress) => void;
  /** Cancels the loading. */
  readonly signal?: AbortSignal;
}

/** What `generate` takes beside what is to be drawn. */
export interface CallOptions {
  /** Cancels the call: it rejects at once with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What `generate` returns. */
export interface Generated {
  /** One for each seed, in their order. */
  readonly images: readonly Picture[];
  /** What ran, and what the plan saved. */
  readonly report: Report;
  /** The final samples, before a VAE: `[image, channel, height, width]`, row-major. */
  readonly sample: Float32Array<ArrayBuffer>;
  /** The shape of `sample`. */
  readonly sampleShape: readonly number[];
}

/** A model that draws. */
export interface Pipeline {
  /** Where it runs. */
  readonly device: DeviceKind;
  /** What the caller should know of how it was loaded. */
  readonly warnings: readonly string[];
  /**
   * Draws images.
   * @throws {TypeError | RangeError} If the options are wrong
   * @throws {PhaseskipError} If the world failed; its `code` says how
   */
  generate(
    options: GenerateOptions &
      CallOptions & { readonly onStep?: (step: RunStep) => void },
  ): Promise<Generated>;
  /**
   * Draws images a step at a time; the worker computes a step when it is asked for, and leaving the loop
   * ends the run. The iterator's return value is what `generate` returns.
   */
  denoise(
    options: DenoiseOptions & CallOptions,
  ): AsyncGenerator<RunStep, Generated, void>;
  /** Frees the model; a worker that the pipeline owns ends. Calls under way reject with `disposed`. */
  dispose(): void;
}

/** How long a worker may take to answer for the first time, in ms. */
const helloLimit = 30_000;

/**
 * Loads a model folder.
 *
 * @example
 * ```ts
 * import { loadPipeline } from "phaseskip";
 *
 * const pipeline = await loadPipeline("/models/scenes/", {
 *   worker: () => new Worker(new URL("./phaseskip.worker.ts", import.meta.url), { type: "module" }),
 * });
 * const { images } = await pipeline.generate({ prompt: "a red boat at sunset", seed: 7, plan: "balanced" });
 * ```
 * @param location URL of the folder, in a page also relative to it; in Node also a path
 * @throws {PhaseskipError} `fetch-failed`, `model-invalid`, `model-unsupported`, `worker-lost` and others
 * @throws the signal's reason, if it is aborted
 */
export async function loadPipeline(
  location: string | URL,
  options: LoadOptions,
): Promise<Pipeline> {
  const { worker } = options ?? {};
  if (
    typeof worker !== "function" &&
    typeof worker?.postMessage !== "function"
  ) {
    throw new TypeError(
      "Cannot load a pipeline as worker must be a Worker, or a function that makes one: see the README for its two lines",
    );
  }
  const base = (globalThis as { document?: { baseURI?: string } }).document
    ?.baseURI;
  const place =
    base === undefined ? String(location) : new URL(location, base).href;
  const pipeline = new WorkerPipeline(place, options);
  await pipeline.connect(options.signal);
  return pipeline;
}

interface Connection {
  readonly wire: Wire;
  readonly loaded: LoadedMessage;
}

class WorkerPipeline implements Pipeline {
  readonly #location: string;
  readonly #options: LoadOptions;
  #connection: Promise<Connection> | undefined;
  #loaded: LoadedMessage | undefined;
  #device: DeviceKind | "auto";
  #isDisposed = false;

  constructor(location: string, options: LoadOptions) {
    this.#location = location;
    this.#options = options;
    this.#device = options.device ?? "auto";
  }

  get device(): DeviceKind {
    return this.#loaded!.device;
  }

  get warnings(): readonly string[] {
    return this.#loaded!.warnings;
  }

  /** Joins the worker and loads the model, unless that is done. */
  async connect(signal?: AbortSignal): Promise<Connection> {
    if (this.#isDisposed) throw disposed();
    this.#connection ??= this.#open(signal);
    try {
      return await this.#connection;
    } catch (error) {
      // the next call starts afresh
      this.#connection = undefined;
      throw error;
    }
  }

  async generate(
    options: GenerateOptions &
      CallOptions & { readonly onStep?: (step: RunStep) => void },
  ): Promise<Generated> {
    const { onStep, ...rest } = options;
    const steps = this.denoise(rest);
    let pulled = await steps.next();
    for (; !pulled.done; pulled = await steps.next()) onStep?.(pulled.value);
    return pulled.value;
  }

  async *denoise(
    options: DenoiseOptions & CallOptions,
  ): AsyncGenerator<RunStep, Generated, void> {
    const { signal, ...request } = options;
    signal?.throwIfAborted();
    const { wire, loaded } = await this.connect(signal);
    const call = wire.newCall();
    let isOpen = true;
    try {
      await wire.ask(
        (api) => api.start(call, loaded.pipeline, request),
        call,
        signal,
      );
      for (;;) {
        const pulled = await wire.ask((api) => api.next(call), call, signal);
        if (!pulled.isDone) {
          yield pulled.step;
          continue;
        }
        isOpen = false;
        return generated(pulled.result);
      }
    } catch (error) {
      this.#afterError(error, wire);
      throw error;
    } finally {
      if (isOpen) void wire.tell((api) => api.stop(call));
    }
  }

  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    const connection = this.#connection;
    this.#connection = undefined;
    void connection?.then(
      async ({ wire, loaded }) => {
        if (typeof this.#options.worker === "function") wire.close(disposed());
        else {
          await wire.tell((api) => api.dispose(loaded.pipeline));
          wire.leave(disposed());
        }
      },
      () => undefined,
    );
  }

  async #open(signal?: AbortSignal): Promise<Connection> {
    const { worker, threads, cache = true, onProgress } = this.#options;
    const isOwn = typeof worker === "function";
    const wire = new Wire(isOwn ? worker() : worker);
    try {
      await wire.hello();
      const call = wire.newCall();
      const report = proxy((progress: FolderProgress) =>
        onProgress?.(progress),
      );
      const message = {
        device: this.#device,
        cache,
        ...(threads !== undefined && { threads }),
      };
      const loaded = await wire.ask(
        (api) => api.load(call, this.#location, message, report),
        call,
        signal,
      );
      this.#loaded = loaded;
      return { wire, loaded };
    } catch (error) {
      if (isOwn) wire.close(error);
      throw error;
    }
  }

  /** After these a worker is of no more use; the next call gets a fresh one, and `auto` leaves WebGPU. */
  #afterError(error: unknown, wire: Wire): void {
    if (!(error instanceof PhaseskipError)) return;
    if (!["worker-lost", "device-lost", "out-of-memory"].includes(error.code))
      return;
    if (error.code === "device-lost" && this.#device === "auto")
      this.#device = "wasm";
    this.#connection = undefined;
    if (typeof this.#options.worker === "function") wire.close(error);
  }
}

function generated({
  images,
  report,
  sample,
  sampleShape,
}: RunResult): Generated {
  return { images, report, sample, sampleShape };
}

function disposed(): PhaseskipError {
  return new PhaseskipError(
    "disposed",
    "Cannot use a pipeline after its dispose()",
  );
}

let callCount = 0;

/** The wire to one worker; every question settles, also when the worker is lost. */
class Wire {
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

  /** A number for a call, of its own on this page. */
  newCall(): number {
    return ++callCount;
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

  /** Asks the worker; rejects at once if the signal is aborted, and tells the worker. */
  async ask<T>(
    question: (api: Remote<WorkerApi>) => Promise<Outcome<T>>,
    call: number,
    signal?: AbortSignal,
  ): Promise<T> {
    signal?.throwIfAborted();
    let onAbort!: () => void;
    const aborted = new Promise<void>((resolve) => {
      onAbort = resolve;
    }).then((): never => {
      void this.tell((api) => api.abort(call));
      throw signal!.reason;
    });
    aborted.catch(() => undefined);
    signal?.addEventListener("abort", onAbort);
    try {
      return unwrap(
        await Promise.race([question(this.#api), this.#lost, aborted]),
      );
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** Tells the worker something whose answer changes nothing; gives up when the worker is lost. */
  async tell(
    message: (api: Remote<WorkerApi>) => Promise<unknown>,
  ): Promise<void> {
    await Promise.race([message(this.#api), this.#lost]).catch(() => undefined);
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
}
