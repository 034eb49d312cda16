// The worker's side: pipelines by number, runs by call, one queue for everything that touches the device.

import { expose, transfer, type Endpoint } from "comlink";
import { holdLife, onConnect } from "#endpoint";
import { PhaseskipError } from "@phaseskip/graph";
import { macrotask } from "../device/macrotask.js";
import type { ModelFolder, OpenFolderOptions } from "../folder/model-folder.js";
import { openFolder } from "../folder/model-folder.js";
import { Mutex } from "./mutex.js";
import { Model } from "../pipeline/model.js";
import type { Picture } from "../picture/picture.js";
import type { RunResult, RunStep } from "../pipeline/run.js";
import { runPipeline } from "../pipeline/run.js";
import type {
  LoadedMessage,
  LoadMessage,
  StepMessage,
  WorkerApi,
} from "./protocol.js";
import { outcome, protocol, type PreviewForm } from "./protocol.js";
import { UnkeptFiles } from "./unkept-files.js";
import { WorkerDevices, type ChosenDevice } from "./worker-devices.js";
import type * as requests from "../pipeline/request.js";

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
  readonly previewAs: PreviewForm;
  readonly release: () => void;
}

/** What all pages' wires to this worker share. */
interface Shared {
  /** One turn at a time, of whatever touches a device. */
  readonly queue: Mutex;
  readonly devices: WorkerDevices;
  readonly pipelines: Map<number, Loaded>;
  readonly life: Promise<string | undefined>;
}

let pipelineCount = 0;

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
  let shared: Shared | undefined;
  onConnect((port) => {
    shared ??= {
      queue: new Mutex(),
      devices: new WorkerDevices(options.wasmPaths),
      pipelines: new Map(),
      life: holdLife(),
    };
    serveOn(port, shared);
  });
}

function serveOn(
  endpoint: Endpoint,
  { queue, devices, pipelines, life }: Shared,
): void {
  const runs = new Map<number, Run>();
  const calls = new Map<number, AbortController>();

  /** Runs a call that `stop` ends. */
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
    hello: async () => ({ protocol, life: await life }),
    async load(call, location, message, onProgress, persist, token) {
      const result = await cancellable(
        call,
        async (signal): Promise<LoadedMessage> => {
          const unkept = new UnkeptFiles();
          const opening: OpenFolderOptions = {
            cache: message.cache,
            signal,
            onProgress: (progress) => {
              unkept.note(progress);
              void onProgress(progress);
            },
            persist: () => persist(),
            hub: { ...message.hub, ...(token && { token: () => token() }) },
          };
          const folder = await openModel(location, message, opening);
          let chosen: ChosenDevice | undefined;
          let model: Model | undefined;
          try {
            // no turn while files are on their way: others draw meanwhile
            model = await Model.load(
              folder,
              async (unet) => {
                chosen = await devices.choose(message, unet, (work) =>
                  queue.run(work, signal),
                );
                return chosen.device;
              },
              signal,
              message.dtype,
              message.inputs,
            );
            const { device } = model;
            await queue.run(() => model!.start(signal), signal);
            const { modelTakes } = await import("../pipeline/model-takes.js");
            const takes = await modelTakes(model, signal);
            const pipeline = pipelineCount++;
            pipelines.set(pipeline, { model, runs: new Mutex() });
            const { warnings = [] } = chosen ?? {};
            return {
              pipeline,
              device: device.kind,
              takes,
              warnings: [
                ...warnings,
                ...model.index.warnings,
                ...unkept.warnings,
              ],
            };
          } catch (error) {
            await queue.run(async () => {
              await (model?.dispose() ?? folder.close());
              if (chosen) devices.release(chosen.device);
            });
            throw error;
          }
        },
      );
      calls.delete(call);
      return result;
    },
    async start(call, pipeline, request, previewAs) {
      const started = await cancellable(call, async (signal) => {
        const { model, runs: turns } = find(pipelines, pipeline);
        const parsed = await parse(request);
        if (previewAs === "bitmap") assertBitmaps();
        const release = await turns.acquire(signal);
        const steps = runPipeline(model, parsed, signal);
        runs.set(call, { steps, previewAs, release });
      });
      if (!started.isOk) calls.delete(call);
      return started;
    },
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
            const { done, value } = await queue.run(
              () => run.steps.next(),
              signal,
            );
            if (!done) return await stepMessage(value, run.previewAs);
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
      return pulled.isOk ? transfer(pulled, transferred(pulled.value)) : pulled;
    },
    async describe(call, pipeline, request, hasTimes) {
      const described = await cancellable(call, async (signal) => {
        const { model, runs: turns } = find(pipelines, pipeline);
        const parsed = await parse(request, "describe a plan");
        const { describeModel } = await import("../pipeline/describe-model.js");
        const release = await turns.acquire(signal);
        return queue
          .run(() => describeModel(model, parsed, hasTimes, signal), signal)
          .finally(release);
      });
      calls.delete(call);
      return described;
    },
    stop: (call) => {
      calls.get(call)?.abort();
      return outcome(() => endRun(call));
    },
    dispose: (pipeline) =>
      outcome(async () => {
        const { model, runs: turns } = find(pipelines, pipeline);
        pipelines.delete(pipeline);
        const release = await turns.acquire();
        await queue
          .run(async () => {
            await model.dispose();
            devices.release(model.device);
          })
          .finally(release);
      }),
  };
  expose(api, endpoint);
}

/** A model's folder, with the ControlNets that are given beside it. */
async function openModel(
  location: string,
  { controlNets = [] }: LoadMessage,
  options: OpenFolderOptions,
): Promise<ModelFolder> {
  const folder = await openFolder(location, options);
  if (controlNets.length === 0) return folder;
  const { besideControlNets } =
    await import("../folder/beside-control-nets.js");
  return besideControlNets(folder, controlNets, options);
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

/** The code that checks requests: one promise for all, so that calls that come together go on in their order. */
let checks: Promise<typeof requests> | undefined;

/** Checks a request; the code for it comes with the first one. */
async function parse(
  ...given: Parameters<typeof requests.parseRequest>
): Promise<requests.Request> {
  checks ??= import("../pipeline/request.js").catch((error: unknown) => {
    checks = undefined; // the next call asks again
    throw error;
  });
  return (await checks).parseRequest(...given);
}

function assertBitmaps(): void {
  if (typeof createImageBitmap === "function") return;
  throw new TypeError(
    'Cannot make previews as previewAs must be "picture" where there is no ImageBitmap: current value is "bitmap"',
  );
}

async function stepMessage(
  step: RunStep,
  previewAs: PreviewForm,
): Promise<StepMessage> {
  const { preview, ...rest } = step;
  if (previewAs === "picture" || !preview) return { isDone: false, step };
  const bitmaps = await Promise.all(
    preview.map(({ data, width, height }) =>
      createImageBitmap(new ImageData(data, width, height)),
    ),
  );
  return { isDone: false, step: { ...rest, preview: bitmaps } };
}

/** Pictures and samples change hands; nothing here needs them any more. */
function transferred(message: StepMessage): Transferable[] {
  const moved = (image: Picture | ImageBitmap) =>
    "data" in image ? image.data.buffer : image;
  if (!message.isDone) return (message.step.preview ?? []).map(moved);
  const { sample, images } = message.result;
  return [sample.buffer, ...images.map(moved)];
}
