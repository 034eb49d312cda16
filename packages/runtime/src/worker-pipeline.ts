// A pipeline whose model lives in a worker: it joins the worker, and replaces it when it is lost.

import { PhaseskipError } from "@phaseskip/graph";
import { Client } from "./client.js";
import type { LoadOptions } from "./load-pipeline.js";
import type { CallOptions, Generated, Pipeline } from "./pipeline.js";
import type { DenoiseOptions, GenerateOptions } from "./pipeline/request.js";
import type { RunStep } from "./pipeline/run.js";
import type { LoadedMessage } from "./protocol.js";
import type { DeviceKind } from "./session.js";

interface Connection {
  readonly client: Client;
  readonly loaded: LoadedMessage;
}

/** What `loadPipeline` returns. */
export class WorkerPipeline implements Pipeline {
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
    const { client, loaded } = await this.connect(signal);
    try {
      return yield* client.run(loaded.pipeline, request, signal);
    } catch (error) {
      this.#afterError(error, client);
      throw error;
    }
  }

  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    const connection = this.#connection;
    this.#connection = undefined;
    void connection?.then(
      async ({ client, loaded }) => {
        if (typeof this.#options.worker === "function")
          client.close(disposed());
        else {
          await client.dispose(loaded.pipeline);
          client.leave(disposed());
        }
      },
      () => undefined,
    );
  }

  async #open(signal?: AbortSignal): Promise<Connection> {
    const { worker, threads, cache = true, onProgress } = this.#options;
    const isOwn = typeof worker === "function";
    const client = new Client(isOwn ? worker() : worker);
    try {
      await client.hello();
      const message = {
        device: this.#device,
        cache,
        ...(threads !== undefined && { threads }),
      };
      const loaded = await client.load(
        this.#location,
        message,
        onProgress,
        signal,
      );
      this.#loaded = loaded;
      return { client, loaded };
    } catch (error) {
      if (isOwn) client.close(error);
      throw error;
    }
  }

  /** After these a worker is of no more use; the next call gets a fresh one, and `auto` leaves WebGPU. */
  #afterError(error: unknown, client: Client): void {
    if (!(error instanceof PhaseskipError)) return;
    if (!["worker-lost", "device-lost", "out-of-memory"].includes(error.code))
      return;
    if (error.code === "device-lost" && this.#device === "auto")
      this.#device = "wasm";
    this.#connection = undefined;
    if (typeof this.#options.worker === "function") client.close(error);
  }
}

function disposed(): PhaseskipError {
  return new PhaseskipError(
    "disposed",
    "Cannot use a pipeline after its dispose()",
  );
}
