// Runs a Unet step by step under a schedule: sessions, caches, and the tensors between them.

import type {
  Graph,
  LiveGraph,
  Partition,
  Segment,
  Unet,
  UnetInput,
  UnetSize,
} from "@phaseskip/graph";
import { ElementType, partition } from "@phaseskip/graph";
import type { Context } from "../plan/plan.js";
import type { ChannelMeans } from "../plan/channel-means.js";
import type { ScheduledContext } from "../schedule/scheduled-context.js";
import type { Device, DeviceTensor } from "../device/session.js";
import type { Weights } from "./weights.js";
import { UnetSizes } from "./unet-sizes.js";
import { weightHolding } from "./weight-holding.js";
import { Constants } from "./constants.js";
import type { Kernels } from "./kernels.js";
import type { Program } from "./program.js";
import { compileProgram } from "./program.js";
import { SegmentSessions } from "./segment-sessions.js";
import { SharedTensor } from "./shared-tensor.js";
import { UnetStream } from "./stream.js";
import type { CallParts } from "./unet-call.js";
import { UnetCall } from "./unet-call.js";

/** Runs one Unet; one run at a time. */
export class UnetExecutor {
  readonly #device: Device;
  readonly #sessions: SegmentSessions;
  readonly #maxSegmentBytes: number;
  readonly #sizes: UnetSizes;
  /** Loaded for the first plan that acts on something. */
  #kernels: Kernels | undefined;
  readonly #timestep = { value: NaN, outputs: new Map<string, SharedTensor>() };
  #unet!: Unet;
  #constants: Constants | undefined;
  #means: ChannelMeans | undefined;
  #partition: Partition = { segments: [] };
  #signatures: readonly LiveGraph[] = [];
  /** What the partition was made for. */
  #cutFor = "";
  #programs = new Map<string, Program>();

  /**
   * @param inputs what the Unet may take beside sample and timestep
   * @param holding how the weights are held. @default what suits the device
   */
  constructor(
    device: Device,
    graph: Graph,
    weights: Weights,
    inputs: readonly UnetInput[] = [],
    holding = weightHolding(device, graph),
  ) {
    this.#device = device;
    this.#sizes = new UnetSizes(graph, inputs);
    this.#sessions = new SegmentSessions(device, weights, holding.half);
    this.#maxSegmentBytes = holding.maxSegmentBytes;
  }

  /** The Unet at a size; looked at once for each of the last few sizes. */
  unet(size: UnetSize): Unet {
    return this.#sizes.get(size);
  }

  /** The segments in use. */
  get segments(): readonly Segment[] {
    return this.#partition.segments;
  }

  /** Cuts the Unet for runs of the given signatures, without making sessions. */
  cut(unet: Unet, signatures: readonly LiveGraph[]): Partition {
    const cutFor = cutKey(signatures);
    if (unet !== this.#unet || cutFor !== this.#cutFor) {
      this.#partition = partition(
        unet,
        signatures,
        this.#maxSegmentBytes,
        this.#device.maxScores,
      );
      this.#programs = new Map();
    }
    if (unet !== this.#unet) {
      this.#constants?.dispose();
      this.#constants = new Constants(this.#device, unet);
    }
    this.#unet = unet;
    this.#cutFor = cutFor;
    this.#signatures = signatures;
    return this.#partition;
  }

  /**
   * Makes ready for runs of the given signatures: cuts the Unet and makes the sessions that are missing.
   * Nothing happens where all are ready.
   * @param means what the action `mean` puts in place of outputs, where a signature has it
   */
  async prepare(
    unet: Unet,
    signatures: readonly LiveGraph[],
    signal?: AbortSignal,
    means?: ChannelMeans,
  ): Promise<void> {
    this.cut(unet, signatures);
    this.#means = means;
    if (!this.#kernels && signatures.some(actsOnSomething)) {
      const { Kernels } = await import("./kernels.js");
      this.#kernels = new Kernels(this.#device);
    }
    await this.#sessions.prepare(unet, this.#partition, signal);
  }

  /**
   * Computes what depends on the text alone; once per prompt and context.
   * @param added the Unet's other inputs that stay the same at every step, such as `time_ids`
   * @param beside the other context's stream for the same images; plans may take the mean of both
   * @param alike a stream that was given the same: what it computed is shared, and nothing runs
   */
  async begin(
    context: Context,
    embedding?: Float32Array,
    added: Readonly<Record<string, Float32Array>> = {},
    beside?: UnetStream,
    alike?: UnetStream,
  ): Promise<UnetStream> {
    const stream = new UnetStream(context, beside);
    if (alike) {
      for (const [name, shared] of alike.text)
        stream.text.set(name, shared.retain());
      return stream;
    }
    const given = {
      ...(embedding && { encoder_hidden_states: embedding }),
      ...added,
    };
    for (const [name, data] of Object.entries(given))
      stream.text.set(name, this.#input(name, data));
    try {
      await this.#runOnce("text", stream.text);
      return stream;
    } catch (error) {
      stream.dispose();
      throw error;
    }
  }

  /**
   * One call of the Unet.
   *
   * @param stream the context's stream
   * @param scheduled what the context does at this step
   * @param sample the scaled sample, `[batch, channel, height, width]`
   * @param timestep what the Unet is handed
   * @returns the network's output in the sample's order; the caller owns it
   */
  async step(
    stream: UnetStream,
    scheduled: ScheduledContext,
    sample: Float32Array,
    timestep: number,
    signal?: AbortSignal,
  ): Promise<Float32Array<ArrayBuffer>> {
    const call = await this.call(stream, sample, timestep, signal);
    try {
      return await call.finish(scheduled);
    } finally {
      call.dispose();
    }
  }

  /** Begins a call of the Unet, whose probes can be measured before it is known what the step does; the caller frees it. */
  async call(
    stream: UnetStream,
    sample: Float32Array,
    timestep: number,
    signal?: AbortSignal,
  ): Promise<UnetCall> {
    const parts: CallParts = {
      device: this.#device,
      constants: this.#constants!,
      kernels: this.#kernels,
      timestepValues: this.#timestep.outputs,
      prepareTimestep: () => this.#prepareTimestep(timestep),
      timestep,
      means: this.#means,
      signal,
      program: (...given) => this.#program(...given),
      runSegment: (...given) => this.#run(...given),
      explain: async (failure) => {
        const { blameFirstUnit } = await import("./first-not-finite.js");
        return blameFirstUnit(failure, {
          executor: this,
          device: this.#device,
          unet: this.#unet,
          ...{ stream, sample, timestep, signal },
        });
      },
    };
    return new UnetCall(parts, stream, this.#input("sample", sample));
  }

  /** How long segments of the partition in use take, alone; by their keys, in ms. */
  async time(
    segments: readonly Segment[],
    signal?: AbortSignal,
  ): Promise<Map<string, number>> {
    const { timeSegments } = await import("./time-segments.js");
    return timeSegments(
      this.#device,
      this.#unet,
      segments,
      (segment, feeds) => this.#run(segment, feeds, segment.outputs),
      signal,
    );
  }

  /** Frees what one run kept beside its streams. */
  endRun(): void {
    for (const shared of this.#timestep.outputs.values()) shared.release();
    this.#timestep.outputs.clear();
    this.#timestep.value = NaN;
  }

  /** Frees sessions and tensors. */
  async dispose(): Promise<void> {
    this.endRun();
    this.#constants?.dispose();
    await this.#kernels?.dispose();
    await this.#sessions.dispose();
  }

  #program(
    signature: number,
    stores: ScheduledContext["stores"],
    reads: ScheduledContext["reads"],
    hasOutput: boolean,
  ): Program {
    const key = JSON.stringify([
      signature,
      stores.map(({ port, kind }) => [port.value, port.unit, kind]),
      [...reads].map(([port, { entries }]) => [port, entries.length]),
    ]);
    const known = this.#programs.get(key);
    if (known) return known;
    const program = compileProgram(
      this.#unet,
      this.#partition,
      this.#signatures[signature]!,
      stores,
      reads,
      hasOutput,
    );
    this.#programs.set(key, program);
    return program;
  }

  async #prepareTimestep(timestep: number): Promise<void> {
    if (this.#timestep.value === timestep) return;
    this.endRun();
    const { outputs } = this.#timestep;
    outputs.set("timestep", this.#timestepInput(timestep));
    await this.#runOnce("timestep", outputs);
    this.#timestep.value = timestep;
  }

  /** Runs all segments of a kind that is no step's; `values` holds what they read, and gets what they make. */
  async #runOnce(
    kind: "text" | "timestep",
    values: Map<string, SharedTensor>,
  ): Promise<void> {
    for (const segment of this.#partition.segments) {
      if (segment.kind !== kind) continue;
      const feeds = segment.inputs.map(
        ({ name, value }) => [name, values.get(value)!.tensor] as const,
      );
      const outputs = await this.#run(segment, feeds, segment.outputs);
      for (const [name, tensor] of outputs) values.set(name, tensor);
    }
  }

  async #run(
    segment: Segment,
    given: readonly (readonly [string, DeviceTensor])[],
    fetches: readonly string[],
  ): Promise<[string, SharedTensor][]> {
    const { session, fed } = this.#sessions.get(segment);
    const feeds = Object.fromEntries(given);
    for (const value of fed) feeds[value] = this.#constants!.folded(value);
    try {
      const outputs = await session.run(feeds, fetches);
      return Object.entries(outputs).map(([name, tensor]) => [
        name,
        new SharedTensor(tensor),
      ]);
    } catch (error) {
      await this.#sessions.discard(segment);
      throw error;
    }
  }

  #input(name: string, data: Float32Array): SharedTensor {
    const { type, dims } = this.#unet.shapes.get(name)!;
    return new SharedTensor(this.#device.tensor(type, dims, data));
  }

  /** A fractional timestep is truncated where the Unet takes whole ones. */
  #timestepInput(timestep: number): SharedTensor {
    const { type, dims } = this.#unet.shapes.get("timestep")!;
    const isFloat = type !== ElementType.INT64 && type !== ElementType.INT32;
    const value = isFloat ? timestep : Math.trunc(timestep);
    const data = new Array<number>(dims[0] ?? 1).fill(value);
    return new SharedTensor(
      this.#device.tensor(type, dims, isFloat ? Float32Array.from(data) : data),
    );
  }
}

/** Whether something stands in for a computed value, or is measured. */
function actsOnSomething({ ports, probes }: LiveGraph): boolean {
  return ports.size > 0 || probes.length > 0;
}

/** Equal for signatures that lead to the same partition and the same programs. */
function cutKey(signatures: readonly LiveGraph[]): string {
  return JSON.stringify(
    signatures.map(({ isLive, ports, probes }) => [
      isLive.map(Number).join(""),
      [...ports.values()],
      probes,
    ]),
  );
}
