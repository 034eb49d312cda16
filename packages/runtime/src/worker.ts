// The worker's side: pipelines and runs by number, one queue for everything that touches the device.

import { expose, transfer, type Endpoint } from "comlink";
import { scopeEndpoint } from "#endpoint";
import { PhaseskipError } from "@phaseskip/graph";
import { macrotask } from "./macrotask.js";
import { openFolder } from "./model-folder.js";
import { Mutex } from "./mutex.js";
import { Model } from "./pipeline/model.js";
import { parseRequest } from "./pipeline/request.js";
import type { RunResult, RunStep } from "./pipeline/run.js";
import { runPipeline } from "./pipeline/run.js";
import type {
  LoadMessage,
  LoadedMessage,
  StepMessage,
  WorkerApi,
} from "./protocol.js";
import { outcome } from "./protocol.js";
import type { Device, DeviceKind, DeviceOptions } from "./session.js";
import { openDevice } from "./session.js";

/** How a worker serves. */
export interface ServeOptions {
  /** Folder URL of ONNX Runtime's `.mjs` and `.wasm` files, where they lie elsewhere than their importer. */
  readonly wasmPaths?: string;
}

interface Loaded {
  readonly model: Model;
  /** One run at a time: a run's caches and sessions belong to it until it ends. */
  readonly runs: Mutex;
}

interface Run {
  readonly steps: AsyncGenerator<RunStep, RunResult>;
  readonly release: () => void;
}

/**
 * Makes this worker serve pipelines to its page. Call it once, at the top of the worker's file.
 *
 * @example
 * ```ts
 * // phaseskip.worker.ts
 * import { serve } from "phaseskip/worker";
 * serve();
 * ```
 */
export function serve(options: ServeOptions = {}): void {
  const endpoint = scopeEndpoint();
  if (endpoint) serveOn(endpoint, options);
}

function serveOn(endpoint: Endpoint, options: ServeOptions): void {
  const device = new Mutex();
  const devices = new Map<string, Promise<Device>>();
  const pipelines = new Map<number, Loaded>();
  const runs = new Map<number, Run>();
  const calls = new Map<number, AbortController>();
  let pipelineCount = 0;

  /** Runs a call that can be aborted. */
  const cancellable = async <T>(
    call: number,
    work: (signal: AbortSignal) => Promise<T>,
  ) => {
    const controller = calls.get(call) ?? new AbortController();
    calls.set(call, controller);
    return outcome(() => work(controller.signal));
  };
  const endRun = async (call: number) => {
    const run = runs.get(call);
    runs.delete(call);
    calls.delete(call);
    try {
      await run?.steps.return(undefined as never);
    } finally {
      run?.release();
    }
  };

  const api: WorkerApi = {
    hello: () => 1,
    async load(call, location, message, onProgress) {
      const result = await cancellable(
        call,
        async (signal): Promise<LoadedMessage> => {
          const folder = await openFolder(location, {
            cache: message.cache,
            signal,
            onProgress: (progress) => onProgress(progress),
          });
          try {
            return await device.run(async () => {
              const { opened, warnings } = await chooseDevice(
                devices,
                message,
                options,
              );
              const model = await Model.load(folder, opened, signal);
              const pipeline = pipelineCount++;
              pipelines.set(pipeline, { model, runs: new Mutex() });
              return { pipeline, device: opened.kind, warnings };
            }, signal);
          } catch (error) {
            await folder.close();
            throw error;
          }
        },
      );
      calls.delete(call);
      return result;
    },
    start: (call, pipeline, request) =>
      cancellable(call, async (signal) => {
        const { model, runs: queue } = find(pipelines, pipeline);
        const parsed = parseRequest(request);
        const release = await queue.acquire(signal);
        runs.set(call, { steps: runPipeline(model, parsed, signal), release });
      }),
    next: async (call) => {
      const pulled = await cancellable(
        call,
        async (signal): Promise<StepMessage> => {
          const run = runs.get(call);
          if (!run)
            throw new PhaseskipError(
              "disposed",
              "Cannot go on with a run that has ended",
            );
          try {
            const { done, value } = await device.run(
              () => run.steps.next(),
              signal,
            );
            if (!done) return { isDone: false, step: value };
            await endRun(call);
            return { isDone: true, result: value };
          } catch (error) {
            await endRun(call);
            throw error;
          } finally {
            await macrotask();
          }
        },
      );
      return pulled.isOk ? transfer(pulled, buffers(pulled.value)) : pulled;
    },
    stop: (call) => outcome(() => endRun(call)),
    abort: (call) => {
      const controller = calls.get(call) ?? new AbortController();
      calls.set(call, controller);
      controller.abort();
    },
    dispose: (pipeline) =>
      outcome(async () => {
        const loaded = find(pipelines, pipeline);
        pipelines.delete(pipeline);
        const release = await loaded.runs.acquire();
        await device.run(() => loaded.model.dispose()).finally(release);
      }),
  };
  expose(api, endpoint);
}

function find(
  pipelines: ReadonlyMap<number, Loaded>,
  pipeline: number,
): Loaded {
  const loaded = pipelines.get(pipeline);
  if (loaded) return loaded;
  throw new PhaseskipError(
    "disposed",
    "Cannot use a pipeline after its dispose()",
  );
}

/** `auto` is WebGPU where there is an adapter, else WASM, and says why. */
async function chooseDevice(
  devices: Map<string, Promise<Device>>,
  message: LoadMessage,
  options: ServeOptions,
): Promise<{ opened: Device; warnings: string[] }> {
  const { wasmPaths } = options;
  const deviceOptions: DeviceOptions = {
    ...message,
    ...(wasmPaths !== undefined && { wasmPaths }),
  };
  const open = (kind: DeviceKind) => {
    const known = devices.get(kind);
    if (known) return known;
    const opening = openDevice(kind, deviceOptions);
    devices.set(kind, opening);
    opening.catch(() => devices.delete(kind));
    return opening;
  };
  const warnings: string[] = [];
  let opened: Device;
  try {
    opened = await open(message.device === "auto" ? "webgpu" : message.device);
  } catch (error) {
    if (message.device !== "auto") throw error;
    warnings.push(
      `running on wasm: ${error instanceof Error ? error.message : String(error)}`,
    );
    opened = await open("wasm");
  }
  if (opened.kind === "wasm" && (message.threads ?? 0) > opened.threads) {
    warnings.push(
      `running on ${opened.threads} thread instead of ${message.threads}: this page is not cross-origin isolated`,
    );
  }
  return { opened, warnings };
}

/** Pictures and samples change hands; nothing here needs them any more. */
function buffers(message: StepMessage): ArrayBuffer[] {
  if (!message.isDone)
    return (message.step.preview ?? []).map((image) => image.data.buffer);
  const { sample, images } = message.result;
  return [sample.buffer, ...images.map((image) => image.data.buffer)];
}
