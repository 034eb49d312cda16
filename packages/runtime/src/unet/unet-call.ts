// One call of the Unet in one context: its values, from the sample to the output.

import type { Segment } from "@phaseskip/graph";
import { breathe } from "../device/macrotask.js";
import type { ProbeQuestion } from "../schedule/adaptive.js";
import type { ChannelMeans } from "../plan/channel-means.js";
import type { CachedRead } from "../schedule/port-decision.js";
import type { ScheduledContext } from "../schedule/scheduled-context.js";
import type { Device, DeviceTensor } from "../device/session.js";
import { checkOutput } from "./check-output.js";
import type { Constants } from "./constants.js";
import type { Kernels } from "./kernels.js";
import type { KernelRun, Program, SegmentRun, Source } from "./program.js";
import { SharedTensor } from "./shared-tensor.js";
import type { UnetStream } from "./stream.js";

/** What a call needs of the executor that makes it. */
export interface CallParts {
  readonly device: Device;
  readonly constants: Constants;
  /** There where a signature acts on something. */
  readonly kernels: Kernels | undefined;
  /** What depends on the timestep alone, and the timestep. */
  readonly timestepValues: ReadonlyMap<string, SharedTensor>;
  readonly timestep: number;
  /** Computes those values; nothing where they are there. */
  readonly prepareTimestep: () => Promise<void>;
  readonly means: ChannelMeans | undefined;
  readonly signal: AbortSignal | undefined;
  /** The program of a signature. */
  readonly program: (
    signature: number,
    stores: ScheduledContext["stores"],
    reads: ScheduledContext["reads"],
    hasOutput: boolean,
  ) => Program;
  /** Runs a segment. */
  readonly runSegment: (
    segment: Segment,
    feeds: readonly (readonly [string, DeviceTensor])[],
    fetches: readonly string[],
  ) => Promise<[string, SharedTensor][]>;
  /** Finds out why the output is not finite; gives the error that says it. */
  readonly explain: (failure: unknown) => Promise<unknown>;
}

/** A call that has begun: probes may be measured before the rest runs. */
export class UnetCall {
  readonly #parts: CallParts;
  readonly #stream: UnetStream;
  readonly #values: Map<string, SharedTensor>;
  readonly #done = new Set<Segment | string>();
  #isFirst = true;

  /** @param sample the scaled sample; the call owns it */
  constructor(parts: CallParts, stream: UnetStream, sample: SharedTensor) {
    this.#parts = parts;
    this.#stream = stream;
    this.#values = new Map([["sample", sample]]);
  }

  /** Computes a probe, and tells by how much it has changed since the step before. */
  async measure(question: ProbeQuestion): Promise<number> {
    const { program, kernels } = this.#parts;
    const { signature, reads, before } = question;
    const { runs, probes } = program(signature, [], reads, false);
    for (const run of runs) {
      // what is made here is there for the rest of the step, whatever that reads
      if (run.kind === "segment")
        await this.#run({ ...run, fetches: run.segment.outputs }, reads);
      else await this.#run(run, reads);
    }
    const then = this.#stream.cache.get(before)!;
    return kernels!.change(this.#look(probes[0]!, reads), then.tensor);
  }

  /**
   * Runs what is left of the step, and keeps what later steps read.
   * @returns the network's output in the sample's order; the caller owns it
   * @throws {PhaseskipError} `inference-failed` If that is no picture's; names the unit that went wrong first
   */
  async finish(
    scheduled: ScheduledContext,
  ): Promise<Float32Array<ArrayBuffer>> {
    const { timestep, explain } = this.#parts;
    const output = await this.compute(scheduled);
    // zeros that the plan itself put there, now or in a kept value, are no failure
    const { zeroed, changed } = scheduled;
    if (zeroed.length + changed.size > 0) this.#stream.mayBeZero = true;
    const { mayBeZero } = this.#stream;
    try {
      checkOutput(output, `the Unet at timestep ${timestep}`, mayBeZero);
    } catch (error) {
      throw output.every(Number.isFinite) ? error : await explain(error);
    }
    return output;
  }

  /** As `finish`, whatever comes out. */
  async compute(
    scheduled: ScheduledContext,
  ): Promise<Float32Array<ArrayBuffer>> {
    const { program, device } = this.#parts;
    const { signature, stores, reads } = scheduled;
    const compiled = program(signature, stores, reads, true);
    for (const run of compiled.runs) {
      await this.#run(run, reads);
      for (const name of run.frees) {
        this.#values.get(name)!.release();
        this.#values.delete(name);
      }
    }
    const output = await device.read(this.#look(compiled.output!, reads));
    this.#keep(compiled, scheduled);
    return output;
  }

  /** Frees the call's values. */
  dispose(): void {
    for (const shared of this.#values.values()) shared.release();
    this.#values.clear();
  }

  async #run(
    run: SegmentRun | KernelRun,
    reads: ReadonlyMap<string, CachedRead>,
  ): Promise<void> {
    const what = run.kind === "segment" ? run.segment : run.name;
    if (this.#done.has(what)) return;
    this.#done.add(what);
    if (!this.#isFirst) await breathe();
    this.#isFirst = false;
    this.#parts.signal?.throwIfAborted();
    if (run.kind === "kernel") {
      const made = await this.#runKernel(run, reads);
      this.#values.set(run.name, new SharedTensor(made));
      return;
    }
    await this.#parts.prepareTimestep();
    const feeds = run.feeds.map(
      ({ name, source }) => [name, this.#look(source, reads)] as const,
    );
    const made = await this.#parts.runSegment(run.segment, feeds, run.fetches);
    for (const [name, shared] of made) this.#values.set(name, shared);
  }

  #runKernel(
    { inputs, work }: KernelRun,
    reads: ReadonlyMap<string, CachedRead>,
  ): Promise<DeviceTensor> {
    const { kernels } = this.#parts;
    const tensors = inputs.map((source) => this.#look(source, reads));
    if ("scale" in work) return kernels!.scale(tensors[0]!, work.scale);
    return kernels!.combine(
      tensors,
      "port" in work ? reads.get(work.port)!.coefficients : work.coefficients,
    );
  }

  #look(source: Source, reads: ReadonlyMap<string, CachedRead>): DeviceTensor {
    return source.kind === "zero"
      ? this.#parts.constants.zeros(source.like)
      : this.#find(source, reads).tensor;
  }

  #find(
    source: Exclude<Source, { kind: "zero" }>,
    reads: ReadonlyMap<string, CachedRead>,
  ): SharedTensor {
    const { constants, timestepValues, means, timestep } = this.#parts;
    if (source.kind === "cache") {
      const entry = reads.get(source.port)!.entries[source.index]!;
      return this.#stream.cache.get(entry)!;
    }
    if (source.kind === "value") {
      const { value } = source;
      return (this.#values.get(value) ??
        timestepValues.get(value) ??
        this.#stream.text.get(value))!;
    }
    const { like, unit, output } = source;
    const name = `mean ${like}@${unit}`;
    const known = this.#values.get(name);
    if (known) return known;
    const made = new SharedTensor(
      constants.newMeans(like, means!, unit, output, timestep),
    );
    this.#values.set(name, made);
    return made;
  }

  #keep({ stores }: Program, scheduled: ScheduledContext): void {
    const { cache } = this.#stream;
    const { constants } = this.#parts;
    scheduled.stores.forEach(({ entry }, i) => {
      const source = stores[i]!;
      const kept =
        source.kind === "zero"
          ? new SharedTensor(constants.newZeros(source.like))
          : this.#find(source, scheduled.reads).retain();
      cache.get(entry)?.release();
      cache.set(entry, kept);
    });
    for (const entry of scheduled.drops) {
      cache.get(entry)?.release();
      cache.delete(entry);
    }
  }
}
