// One picture on its way, which can stop at any step, go back, and go on in another way.

import { restoreGenerator } from "@phaseskip/scheduler";
import type { ScheduledStep } from "../schedule/schedule.js";
import type { Model } from "../pipeline/model.js";
import { guided } from "../guidance/guided.js";
import type { RunSetup } from "../pipeline/run-setup.js";
import { batched, disposeChunks } from "../pipeline/run-setup.js";
import type { Collector } from "./collector.js";
import type { RestartPoint } from "./restart-point.js";
import { readKept, restoreKept } from "./restart-point.js";
import type { StudyWindow } from "./study-window.js";

/** What a step was. */
export interface StudyStep {
  /** Where it began. Its `kept` is empty. */
  readonly before: RestartPoint;
  /** The Unet's output after guidance, and after {@link AdvanceOptions.change}. */
  readonly modelOutput: Float32Array<ArrayBuffer>;
  /** The clean sample as estimated at this step. */
  readonly predOriginalSample: Float32Array<ArrayBuffer>;
  /** Time of the Unet's call, all contexts, in ms; 0 where it was not called. */
  readonly milliseconds: number;
}

/** How a run goes on. */
export interface AdvanceOptions {
  /** Rules, and the steps at which they act. @default none: the whole model */
  readonly window?: StudyWindow;
  /** Shown each step as it is done. */
  readonly onStep?: (step: StudyStep) => void;
  /** What to take instead of the Unet's guided output; the result belongs to the run. @default the output */
  readonly change?: (
    modelOutput: Float32Array<ArrayBuffer>,
    stepIndex: number,
  ) => Float32Array<ArrayBuffer>;
  /** The guided output of the first step, where it is known: the Unet is not called for it. */
  readonly knownOutput?: Float32Array<ArrayBuffer>;
  /** Takes units' outputs at steps of the whole model. @default none are taken */
  readonly collect?: Collector;
  /** Read back what later steps of the window reuse, so that the point returned goes on in its middle. @default false */
  readonly keep?: boolean;
}

/** A run of a study. */
export class StudyRun {
  readonly #model: Model;
  readonly #setup: RunSetup;
  readonly #steps: (window: StudyWindow) => readonly ScheduledStep[];
  readonly #signal: AbortSignal | undefined;
  #calls = 0;
  #allMilliseconds = 0;
  /** Of the last call. */
  #milliseconds = 0;

  /** Made by `Study.begin`. */
  constructor(
    model: Model,
    setup: RunSetup,
    steps: (window: StudyWindow) => readonly ScheduledStep[],
    signal?: AbortSignal,
  ) {
    this.#model = model;
    this.#setup = setup;
    this.#steps = steps;
    this.#signal = signal;
  }

  /** Calls of the Unet so far; all contexts of a step are one. */
  get calls(): number {
    return this.#calls;
  }

  /** Time in the Unet so far, in ms. */
  get milliseconds(): number {
    return this.#allMilliseconds;
  }

  /** What the caller should know of the text, in sentences. */
  get warnings(): readonly string[] {
    return this.#setup.warnings;
  }

  /** The point before the first step. */
  start(): RestartPoint {
    const { sample, state, noise } = this.#setup.chunks[0]!.images[0]!;
    return {
      stepIndex: 0,
      sample,
      predOriginalSample: sample,
      state,
      noise: noise.state(),
      kept: {},
    };
  }

  /**
   * Goes on from a point.
   *
   * @param point of this run, or of another one of the same draw
   * @param endStep where to stop, exclusive
   * @returns where it stopped
   * @throws {PhaseskipError} `inference-failed` if the Unet's output is not finite; the device's errors
   * @throws the study's abort reason
   */
  async advance(
    point: RestartPoint,
    endStep: number,
    options: AdvanceOptions = {},
  ): Promise<RestartPoint> {
    const { scheduler, schedule, chunks } = this.#setup;
    const { window, change, onStep, keep = false } = options;
    const { device } = this.#model;
    const streams = Object.values(chunks[0]!.streams);
    const acting = window ? this.#steps(window) : [];
    const noise = restoreGenerator(point.noise);
    restoreKept(device, streams, point.kept);
    let at = point;
    try {
      for (let i = point.stepIndex; i < endStep; i++) {
        const step =
          (window && acting[i - window.firstStep]) ?? schedule.steps[i]!;
        const isKnown = i === point.stepIndex && options.knownOutput;
        const output = isKnown
          ? options.knownOutput
          : await this.#call(step, at.sample, options.collect);
        const modelOutput = change?.(output, i) ?? output;
        const { prevSample, predOriginalSample, state } = scheduler.step({
          modelOutput,
          sample: at.sample,
          stepIndex: i,
          state: at.state,
          noise: scheduler.drawNoise(noise, i, at.sample.length),
        });
        onStep?.({
          before: at,
          modelOutput,
          predOriginalSample,
          milliseconds: isKnown ? 0 : this.#milliseconds,
        });
        at = {
          stepIndex: i + 1,
          sample: prevSample,
          predOriginalSample,
          state,
          noise: noise.state(),
          kept: {},
        };
      }
      return keep ? { ...at, kept: await readKept(device, streams) } : at;
    } finally {
      restoreKept(device, streams);
    }
  }

  /** Frees what the run holds. */
  dispose(): void {
    disposeChunks(this.#setup.chunks);
    this.#model.unet.endRun();
  }

  async #call(
    step: ScheduledStep,
    sample: Float32Array,
    collect?: Collector,
  ): Promise<Float32Array<ArrayBuffer>> {
    const { scheduler, chunks, batch } = this.#setup;
    const { stepIndex, timestep, contexts, guidanceScale } = step;
    const input = batched(
      [scheduler.scaleModelInput(sample, stepIndex)],
      batch,
    );
    const outputs: Float32Array<ArrayBuffer>[] = [];
    this.#milliseconds = 0;
    for (const scheduled of contexts) {
      const begun = performance.now();
      const stream = chunks[0]!.streams[scheduled.context]!;
      outputs.push(
        await this.#model.unet.step(
          stream,
          collect ? collect.asking(scheduled) : scheduled,
          input,
          timestep,
          this.#signal,
        ),
      );
      this.#milliseconds += performance.now() - begun;
      await collect?.take(this.#model.device, stream, timestep);
    }
    this.#calls++;
    this.#allMilliseconds += this.#milliseconds;
    const all = guided(outputs, guidanceScale);
    return all.slice(0, all.length / batch);
  }
}
