// A pipeline whose model lives in a worker: it joins the worker, and replaces it when it is lost.

import { PhaseskipError } from "@phaseskip/graph";
import { abortable } from "./abortable.js";
import { Client } from "./client.js";
import type { DescribeOptions } from "../describe-plan.js";
import type {
  BitmapStep,
  CallOptions,
  Generated,
  LoadOptions,
  Pipeline,
} from "../pipeline.js";
import type { Lora } from "../lora/model-loras.js";
import { plainOptions } from "./plain-options.js";
import { modelUrls, pageUrl } from "../page-url.js";
import type { ModelTakes } from "../pipeline/model-takes.js";
import type { PlanDescription } from "../pipeline/plan-description.js";
import type { DenoiseOptions, GenerateOptions } from "../pipeline/request.js";
import type { RunStep } from "../pipeline/run.js";
import type { LoadedMessage, PreviewForm } from "./protocol.js";
import type { DeviceKind } from "../device/session.js";

interface Connection {
  readonly client: Client;
  readonly loaded: LoadedMessage;
}

/** After these a worker is of no more use, or its model is not. */
const fatal = ["worker-lost", "device-lost", "out-of-memory"];

/** What `loadPipeline` returns. */
export class WorkerPipeline implements Omit<Pipeline, typeof Symbol.dispose> {
  readonly #location: string;
  readonly #options: LoadOptions;
  readonly #calls = new Set<AbortController>();
  readonly #life = new AbortController();
  #connection: Promise<Connection> | undefined;
  #loaded: LoadedMessage | undefined;
  #device: DeviceKind | "auto";
  /** Why a pipeline that may choose its device has left the GPU. */
  #leftGpu: string | undefined;

  constructor(location: string, options: LoadOptions) {
    this.#location = location;
    this.#options = options;
    this.#device = options.device ?? "auto";
  }

  get device(): DeviceKind {
    return this.#loaded!.device;
  }

  get takes(): ModelTakes {
    return this.#loaded!.takes;
  }

  get warnings(): readonly string[] {
    return this.#loaded!.warnings;
  }

  /** Joins the worker and loads the model, unless that is done. */
  async connect(signal?: AbortSignal): Promise<Connection> {
    this.#life.signal.throwIfAborted();
    const connection = (this.#connection ??= this.#open());
    try {
      const found = await abortable(connection, signal);
      if ((await found.client.isAlive()) || !this.#isOwner) return found;
    } catch (error) {
      if (signal?.aborted) throw error;
      this.#forget(connection);
      throw error;
    }
    // it was lost since, while nothing ran
    this.#forget(connection);
    return this.connect(signal);
  }

  async generate(
    options: GenerateOptions &
      CallOptions & { readonly onStep?: (step: RunStep) => void },
  ): Promise<Generated> {
    const { onStep, ...rest } = options;
    const steps = this.denoise(rest);
    try {
      let pulled = await steps.next();
      for (; !pulled.done; pulled = await steps.next()) onStep?.(pulled.value);
      return pulled.value;
    } finally {
      // where onStep threw, the run ends
      await steps.return(undefined as never);
    }
  }

  denoise(
    options: DenoiseOptions & CallOptions & { readonly previewAs?: "picture" },
  ): AsyncGenerator<RunStep, Generated, void>;
  denoise(
    options: DenoiseOptions & CallOptions & { readonly previewAs: "bitmap" },
  ): AsyncGenerator<BitmapStep, Generated, void>;
  async *denoise(
    options: DenoiseOptions &
      CallOptions & { readonly previewAs?: PreviewForm },
  ): AsyncGenerator<RunStep | BitmapStep, Generated, void> {
    const {
      signal,
      whenBusy = "queue",
      previewAs = "picture",
      ...request
    } = options;
    oneOf("whenBusy", whenBusy, ["queue", "latest"]);
    oneOf("previewAs", previewAs, ["picture", "bitmap"]);
    signal?.throwIfAborted();
    if (whenBusy === "latest") {
      const message = "A later call took the place of this one";
      this.#endCalls(new DOMException(message, "AbortError"));
    }
    const call = new AbortController();
    const follow = () => call.abort(signal!.reason);
    signal?.addEventListener("abort", follow);
    this.#calls.add(call);
    let connection: Connection | undefined;
    try {
      connection = await this.connect(call.signal);
      const { client, loaded } = connection;
      const steps = client.run(
        loaded.pipeline,
        this.#withLoras(request),
        previewAs,
        call.signal,
      );
      const { report, ...made } = yield* steps;
      const warnings = [...loaded.warnings, ...report.warnings];
      return { ...made, report: { ...report, warnings } };
    } catch (error) {
      if (connection) this.#afterError(error, connection);
      throw error;
    } finally {
      this.#calls.delete(call);
      signal?.removeEventListener("abort", follow);
    }
  }

  async describe(
    plan: NonNullable<GenerateOptions["plan"]>,
    options: DescribeOptions = {},
  ): Promise<PlanDescription> {
    const { time = true, signal, ...request } = options;
    signal?.throwIfAborted();
    const stop = signal
      ? AbortSignal.any([signal, this.#life.signal])
      : this.#life.signal;
    const connection = await this.connect(stop);
    const { client, loaded } = connection;
    try {
      const asked = this.#withLoras({ ...request, plan });
      return await client.describe(loaded.pipeline, asked, time, stop);
    } catch (error) {
      this.#afterError(error, connection);
      throw error;
    }
  }

  dispose(): void {
    if (this.#life.signal.aborted) return;
    this.#life.abort(disposed());
    this.#endCalls(disposed());
    void this.#connection?.then(
      (connection) => this.#close(connection, disposed()),
      () => undefined,
    );
    this.#connection = undefined;
  }

  /** The worker knows no page that addresses could be relative to. */
  #withLoras<T extends GenerateOptions>(request: T): T {
    const loras = request.loras ?? this.#options.loras;
    return Array.isArray(loras)
      ? { ...request, loras: loras.map((one) => onPage(one as Lora)) }
      : request;
  }

  /** Whether the worker is this pipeline's own. */
  get #isOwner(): boolean {
    return typeof this.#options.worker === "function";
  }

  #endCalls(reason: Error): void {
    for (const call of this.#calls) call.abort(reason);
    this.#calls.clear();
  }

  async #open(): Promise<Connection> {
    try {
      return await this.#load();
    } catch (error) {
      if (!this.#leaveGpu(error)) throw error;
      return this.#load();
    }
  }

  async #load(): Promise<Connection> {
    const { threads, cache = true, onProgress } = this.#options;
    const { dtype, inputs, revision, hub, token, controlnet } = this.#options;
    const client = new Client(this.#worker());
    try {
      const { signal } = this.#life;
      await client.hello(signal);
      const message = {
        device: this.#device,
        cache,
        ...(threads !== undefined && { threads }),
        ...(dtype !== undefined && { dtype }),
        ...(inputs !== undefined && { inputs: plainOptions(inputs) }),
        ...(controlnet !== undefined && { controlNets: modelUrls(controlnet) }),
        hub: plainOptions({
          ...(revision !== undefined && { revision }),
          ...(hub !== undefined && { hub }),
        }),
      };
      const { warnings, ...loaded } = await client.load(
        this.#location,
        message,
        onProgress,
        signal,
        token,
      );
      const left = this.#leftGpu ? [this.#leftGpu] : [];
      this.#loaded = { ...loaded, warnings: [...left, ...warnings] };
      return { client, loaded: this.#loaded };
    } catch (error) {
      if (this.#isOwner) client.close(error as Error);
      else client.leave(error as Error);
      throw error;
    }
  }

  #worker() {
    const { worker } = this.#options;
    if (typeof worker !== "function") return worker;
    try {
      return worker();
    } catch (cause) {
      throw new PhaseskipError(
        "worker-lost",
        `Cannot make the worker: ${String(cause)}; its file must be on the page's own origin, and the content security policy must allow it`,
        { cause },
      );
    }
  }

  /** The next call starts afresh, but for a worker of the app's that is lost: it stays so. */
  #afterError(error: unknown, connection: Connection): void {
    if (!(error instanceof PhaseskipError) || !fatal.includes(error.code))
      return;
    this.#leaveGpu(error);
    if (!this.#isOwner && connection.client.isLost) return;
    this.#connection = undefined;
    void this.#close(connection, error);
  }

  /** Whether it goes on elsewhere: a pipeline that may choose leaves a GPU that was lost, or is too small. */
  #leaveGpu(error: unknown): boolean {
    if (this.#device !== "auto" || !(error instanceof PhaseskipError))
      return false;
    const isFull =
      error.code === "out-of-memory" && this.#loaded?.device === "webgpu";
    if (error.code !== "device-lost" && !isFull) return false;
    this.#device = "wasm";
    this.#leftGpu = `running on wasm: the GPU ${isFull ? "ran out of memory" : "was lost"} before`;
    return true;
  }

  async #close({ client, loaded }: Connection, error: Error): Promise<void> {
    if (this.#isOwner) return client.close(error);
    await client.dispose(loaded.pipeline);
    client.leave(error);
  }

  #forget(connection: Promise<Connection>): void {
    if (this.#connection === connection) this.#connection = undefined;
  }
}

function onPage(lora: Lora): Lora {
  return typeof lora?.url === "string"
    ? { ...lora, url: pageUrl(lora.url) }
    : lora;
}

function oneOf(name: string, value: string, known: readonly string[]): void {
  if (known.includes(value)) return;
  throw new TypeError(
    `Cannot generate an image as ${name} must be one of ${known.join(", ")}: current value is ${String(value)}`,
  );
}

function disposed(): PhaseskipError {
  return new PhaseskipError(
    "disposed",
    "Cannot use a pipeline after its dispose()",
  );
}
