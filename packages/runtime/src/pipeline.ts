// A pipeline as an app sees it.
/// <reference lib="esnext.disposable" preserve="true" />

import type { FolderProgress } from "./download/load-progress.js";
import type { Dtype } from "./folder/dtype.js";
import type { UnetInputs } from "./folder/input-names.js";
import type { HubOptions } from "./hub/hub-options.js";
import type { Lora } from "./lora/model-loras.js";
import type { Picture } from "./picture/picture.js";
import type { ModelTakes } from "./pipeline/model-takes.js";
import type { PlanDescription } from "./pipeline/plan-description.js";
import type { Report } from "./pipeline/report.js";
import type { DenoiseOptions, GenerateOptions } from "./pipeline/request.js";
import type { RunStep } from "./pipeline/run.js";
import type { DeviceKind } from "./device/session.js";
import type { WorkerLike } from "./wire/web-endpoint.js";

/** How a pipeline is loaded. */
export interface LoadOptions extends HubOptions {
  /**
   * The worker that does the work. A function makes one that the pipeline owns: it ends with `dispose`, and
   * is replaced when it is lost. A worker is the app's own, and may serve several pipelines.
   */
  readonly worker: WorkerLike | (() => WorkerLike);
  /**
   * `"auto"` is WebGPU where there is hardware that the model fits, else WASM; it leaves a GPU that is lost, and says
   * so in the warnings. `"webgpu"` also takes a browser's software adapter, which is slower than WASM. `"node"` needs onnxruntime-node.
   * @default "auto"
   */
  readonly device?: DeviceKind | "auto";
  /** WASM threads. @default half the cores, at most 4; 1 without cross-origin isolation */
  readonly threads?: number;
  /**
   * Which of a network's files is taken, where the folder has several: `unet/model_fp16.onnx`, `onnx/unet_model_q4f16.onnx`
   * and so on. Networks beside the Unet take theirs in it where there is one. Files in other dtypes are not fetched.
   * @default the one that the device does best with, as far as the folder is listed; else `model.onnx`
   */
  readonly dtype?: Dtype;
  /**
   * How the Unet calls what it takes and gives, where it does not use diffusers' names; each goes before what the file
   * `phaseskip-inputs.json` beside the Unet says. @default diffusers' names, and what that file says
   */
  readonly inputs?: UnetInputs;
  /**
   * ControlNets that lie beside the model, not in its folder: URLs, paths or names of folders with a `model.onnx` or
   * `controlnet/model.onnx`, or of bare `.onnx` files. A plan's units call one `controlnet`, several `controlnet_0`,
   * `controlnet_1` and so on, in the order of a call's `control`. @default those in the folder
   */
  readonly controlnet?: string | URL | readonly (string | URL)[];
  /** Keep the weights in IndexedDB. @default true */
  readonly cache?: boolean;
  /** LoRAs that are merged for every call that names none itself. @default none */
  readonly loras?: readonly Lora[];
  /** Told of every file that is fetched; bytes. */
  readonly onProgress?: (progress: FolderProgress) => void;
  /** Cancels the loading. */
  readonly signal?: AbortSignal;
}

/** What a call takes beside what is to be drawn. */
export interface CallOptions {
  /** Cancels the call: it rejects at once with the signal's reason. */
  readonly signal?: AbortSignal;
  /**
   * What happens if calls of this pipeline wait or run. `"queue"`: this one waits for its turn. `"latest"`: they reject
   * with an `AbortError`, and this one goes next; for pictures that follow somebody's typing.
   * @default "queue"
   */
  readonly whenBusy?: "queue" | "latest";
}

/** A step whose preview can be drawn as it is; whoever gets the bitmaps closes them. */
export interface BitmapStep extends Omit<RunStep, "preview"> {
  /** What the clean pictures look like so far, at the steps that were asked for. */
  readonly preview?: readonly ImageBitmap[];
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

/** What a description is asked for beside the plan: the call that it is to describe. */
export interface DescribeOptions extends Omit<GenerateOptions, "plan"> {
  /**
   * Whether to predict times: segments that were never timed on this device are run a few times, once; the times are kept
   * with the cached weights.
   * @default true
   */
  readonly time?: boolean;
  /** Cancels the call. */
  readonly signal?: AbortSignal;
}

/** A model that draws. */
export interface Pipeline extends Disposable {
  /** Where it runs. */
  readonly device: DeviceKind;
  /** What the model takes: what a form for it has to ask. */
  readonly takes: ModelTakes;
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
    options: DenoiseOptions & CallOptions & { readonly previewAs?: "picture" },
  ): AsyncGenerator<RunStep, Generated, void>;
  /** The same with previews as `ImageBitmap`s, for `drawImage` or a canvas's `bitmaprenderer`; not in Node. */
  denoise(
    options: DenoiseOptions & CallOptions & { readonly previewAs: "bitmap" },
  ): AsyncGenerator<BitmapStep, Generated, void>;
  /** What `describePlan` returns; call that. */
  describe(
    plan: NonNullable<GenerateOptions["plan"]>,
    options?: DescribeOptions,
  ): Promise<PlanDescription>;
  /** Frees the model; a worker that the pipeline owns ends. Calls that wait or run reject with `disposed`. */
  dispose(): void;
  /** Does what `dispose` does, at the end of the block of a `using pipeline = await loadPipeline(…)`. */
  [Symbol.dispose](): void;
}
