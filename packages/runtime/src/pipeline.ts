// A pipeline as an app sees it.

import type { Picture } from "./pipeline/picture.js";
import type { Report } from "./pipeline/report.js";
import type { DenoiseOptions, GenerateOptions } from "./pipeline/request.js";
import type { RunStep } from "./pipeline/run.js";
import type { DeviceKind } from "./session.js";

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
