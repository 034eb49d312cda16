// The Unet's part of a run's steps: all contexts of all chunks, what adaptive rules decide, and guidance.

import { joinChannels } from "../inputs/join-channels.js";
import type { Context } from "../plan/plan.js";
import type { AdaptiveRun } from "../schedule/adaptive-run.js";
import type { AdaptiveDecision } from "../schedule/adaptive-decision.js";
import type { ScheduledStep } from "../schedule/scheduled.js";
import type { ScheduledContext } from "../schedule/scheduled-context.js";
import type { UnetExecutor } from "../unet/executor.js";
import { weightedSum } from "../unet/weighted-sum.js";
import type { UnetCall } from "../unet/unet-call.js";
import { guided } from "../guidance/guided.js";
import type { Chunk, RunSetup } from "./run-setup.js";

/** What the Unet made of one step. */
export interface UnetStep {
  /** The step with what its contexts did; adaptive rules have decided. */
  readonly step: ScheduledStep;
  /** By chunk: the guided output. */
  readonly outputs: readonly Float32Array<ArrayBuffer>[];
  /** By context: time in the Unet, in ms. */
  readonly milliseconds: readonly number[];
}

/** Runs a run's steps, one after the other. */
export class UnetSteps {
  readonly #unet: UnetExecutor;
  readonly #chunks: readonly Chunk[];
  readonly #isPaired: boolean;
  readonly #adaptive: AdaptiveRun | undefined;
  readonly #given: AdaptiveDecision[] = [];
  /** By step and chunk: the other contexts less `cond`, of steps that ran all, until they are taken for the last time. */
  readonly #deltas = new Map<number, Float32Array[][]>();
  readonly #rescale: { readonly weight: number; readonly rows: number };
  readonly #imageGuidanceScale: number;
  readonly #variance: RunSetup["variance"];
  readonly #hasLearnedVariance: boolean;

  constructor(unet: UnetExecutor, setup: RunSetup) {
    const { schedule, chunks, isPaired, guidanceRescale, rows } = setup;
    this.#imageGuidanceScale = setup.imageGuidanceScale;
    this.#variance = setup.variance;
    this.#hasLearnedVariance = setup.scheduler.hasLearnedVariance;
    this.#isPaired = isPaired;
    this.#rescale = { weight: guidanceRescale, rows };
    this.#unet = unet;
    this.#chunks = chunks;
    this.#adaptive = schedule.adaptive?.();
  }

  /** What adaptive rules have decided so far. */
  get decisions(): readonly AdaptiveDecision[] {
    return this.#adaptive?.decisions ?? this.#given;
  }

  /**
   * One step.
   * @param samples by chunk: what the Unet is handed
   */
  async run(
    step: ScheduledStep,
    samples: readonly Float32Array[],
    signal?: AbortSignal,
  ): Promise<UnetStep> {
    if (this.#isPaired) return this.#runPairs(step, samples, signal);
    const contexts: ScheduledContext[] = [];
    const milliseconds: number[] = [];
    const outputs: Float32Array<ArrayBuffer>[][] = samples.map(() => []);
    for (const planned of step.contexts) {
      const before = performance.now();
      const [scheduled, made] = this.#adaptive
        ? await this.#decide(this.#adaptive, step, planned, samples, signal)
        : [planned, await this.#run(step, planned, samples, signal)];
      contexts.push(scheduled);
      made.forEach((output, i) => outputs[i]!.push(output));
      milliseconds.push(performance.now() - before);
      if (!this.#adaptive) this.#given.push(...scheduled.decisions);
    }
    const all = outputs.map((made, i) => this.#combine(step, made, i));
    for (const done of step.dropsDeltas ?? []) this.#deltas.delete(done);
    return {
      step: { ...step, contexts },
      outputs: all,
      milliseconds,
    };
  }

  /** Both contexts in one call: the first half of its rows is `cond`, the other `uncond`, whether it is asked for or not. */
  async #runPairs(
    step: ScheduledStep,
    samples: readonly Float32Array[],
    signal: AbortSignal | undefined,
  ): Promise<UnetStep> {
    const before = performance.now();
    const twice = samples.map((_, i) => {
      const [cond, uncond] = (["cond", "uncond"] as const).map((context) =>
        this.#input(samples, i, context),
      );
      const both = new Float32Array(2 * cond!.length);
      both.set(cond!);
      both.set(uncond!, cond!.length);
      return both;
    });
    const made = await this.#call(step, step.contexts[0]!, twice, signal);
    const outputs = made.map((both, i) => {
      const half = both.length / 2;
      const pair = step.contexts.map((_, c) =>
        both.slice(c * half, (c + 1) * half),
      );
      return this.#combine(step, pair, i);
    });
    const each = (performance.now() - before) / step.contexts.length;
    return { step, outputs, milliseconds: step.contexts.map(() => each) };
  }

  /** What the Unet reads of a chunk in a context. */
  #input(
    samples: readonly Float32Array[],
    chunk: number,
    context: Context,
  ): Float32Array {
    const beside = this.#chunks[chunk]!.beside[context];
    return joinChannels(samples[chunk]!, beside, this.#rescale.rows);
  }

  #run(
    step: ScheduledStep,
    scheduled: ScheduledContext,
    samples: readonly Float32Array[],
    signal: AbortSignal | undefined,
  ): Promise<Float32Array<ArrayBuffer>[]> {
    const { context } = scheduled;
    const inputs = samples.map((_, i) => this.#input(samples, i, context));
    return this.#call(step, scheduled, inputs, signal);
  }

  async #call(
    { timestep }: ScheduledStep,
    scheduled: ScheduledContext,
    samples: readonly Float32Array[],
    signal: AbortSignal | undefined,
  ): Promise<Float32Array<ArrayBuffer>[]> {
    const outputs: Float32Array<ArrayBuffer>[] = [];
    for (const [i, { streams }] of this.#chunks.entries()) {
      const stream = streams[scheduled.context]!;
      outputs.push(
        await this.#unet.step(stream, scheduled, samples[i]!, timestep, signal),
      );
    }
    return outputs;
  }

  /** All chunks measure a probe before any goes on: they share one decision, by the mean of their changes. */
  async #decide(
    adaptive: AdaptiveRun,
    { timestep, stepIndex }: ScheduledStep,
    { context }: ScheduledContext,
    samples: readonly Float32Array[],
    signal: AbortSignal | undefined,
  ): Promise<[ScheduledContext, Float32Array<ArrayBuffer>[]]> {
    const calls: UnetCall[] = [];
    try {
      for (const [i, { streams }] of this.#chunks.entries()) {
        const stream = streams[context]!;
        const sample = this.#input(samples, i, context);
        calls.push(await this.#unet.call(stream, sample, timestep, signal));
      }
      const scheduled = await adaptive.context(
        context,
        stepIndex,
        async (question) => {
          let sum = 0;
          for (const call of calls) sum += await call.measure(question);
          return sum / calls.length;
        },
      );
      const outputs: Float32Array<ArrayBuffer>[] = [];
      for (const call of calls) {
        outputs.push(await call.finish(scheduled));
        call.dispose();
      }
      return [scheduled, outputs];
    } finally {
      for (const call of calls) call.dispose();
    }
  }

  #combine(
    step: ScheduledStep,
    outputs: readonly Float32Array<ArrayBuffer>[],
    chunk: number,
  ): Float32Array<ArrayBuffer> {
    const guide = (some: typeof outputs) => this.#guide(step, some, chunk);
    return this.#variance
      ? this.#variance.guidedMean(
          ...([outputs, this.#rescale.rows, this.#hasLearnedVariance] as const),
          guide,
        )
      : guide(outputs);
  }

  #guide(
    { stepIndex, guidanceScale, keepsDelta, deltas }: ScheduledStep,
    outputs: readonly Float32Array<ArrayBuffer>[],
    chunk: number,
  ): Float32Array<ArrayBuffer> {
    const [cond, ...others] = outputs;
    const mix = (mixed: readonly Float32Array<ArrayBuffer>[]) =>
      guided(mixed, guidanceScale, this.#rescale, this.#imageGuidanceScale);
    if (keepsDelta) {
      const differences = others.map((other) =>
        other.map((value, i) => value - cond![i]!),
      );
      const kept = this.#deltas.get(stepIndex) ?? [];
      this.#deltas.set(stepIndex, kept.toSpliced(chunk, 1, differences));
    }
    if (!deltas) return mix(outputs);
    const known = deltas.steps.map((step) => this.#deltas.get(step)![chunk]!);
    const kept = known[0]!.map((_, other) => {
      const differences = known.map((one) => one[other]!);
      const delta = weightedSum(differences, deltas.coefficients);
      return cond!.map((value, i) => value + delta[i]!);
    });
    return mix([cond!, ...kept]);
  }
}
