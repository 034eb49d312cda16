// Runs a Unet step by step under a schedule: sessions, caches, and the tensors between them.

import type {
  Graph,
  LiveGraph,
  Partition,
  Segment,
  Unet,
  UnetSize,
} from "@phaseskip/graph";
import { ElementType, analyseUnet, partition } from "@phaseskip/graph";
import { breathe } from "../macrotask.js";
import type { Context } from "../plan/plan.js";
import type { ScheduledContext } from "../plan/schedule.js";
import type { Device, DeviceTensor } from "../session.js";
import type { Weights } from "../weights.js";
import type { Program, Source } from "./program.js";
import { compileProgram } from "./program.js";
import { SegmentSessions } from "./segment-sessions.js";
import { checkOutput } from "./check-output.js";
import { SharedTensor } from "./shared-tensor.js";
import { UnetStream } from "./stream.js";

/** Runs one Unet; one run at a time. */
export class UnetExecutor {
  readonly #device: Device;
  readonly #graph: Graph;
  readonly #sessions: SegmentSessions;
  readonly #maxSegmentBytes: number;
  readonly #unets = new Map<string, Unet>();
  readonly #constants = new Map<string, DeviceTensor>();
  readonly #timestep = { value: NaN, outputs: new Map<string, SharedTensor>() };
  #unet!: Unet;
  #partition: Partition = { segments: [] };
  #signatures: readonly LiveGraph[] = [];
  #programs = new Map<string, Program>();

  /** @param maxSegmentBytes weights per session at most, in bytes. @default Infinity */
  constructor(
    device: Device,
    graph: Graph,
    weights: Weights,
    maxSegmentBytes = Infinity,
  ) {
    this.#device = device;
    this.#graph = graph;
    this.#sessions = new SegmentSessions(device, weights);
    this.#maxSegmentBytes = maxSegmentBytes;
  }

  /** The Unet at a size; looked at once for each size. */
  unet(size: UnetSize): Unet {
    const key = JSON.stringify(size);
    const known = this.#unets.get(key);
    if (known) return known;
    const unet = analyseUnet(this.#graph, size);
    this.#unets.set(key, unet);
    return unet;
  }

  /** The segments in use. */
  get segments(): readonly Segment[] {
    return this.#partition.segments;
  }

  /**
   * Makes ready for runs of the given signatures: cuts the Unet and makes the sessions that are missing.
   * Nothing happens where all are ready.
   */
  async prepare(
    unet: Unet,
    signatures: readonly LiveGraph[],
    signal?: AbortSignal,
  ): Promise<void> {
    if (unet !== this.#unet) this.#dropConstants();
    this.#unet = unet;
    this.#signatures = signatures;
    this.#programs = new Map();
    this.#partition = partition(unet, signatures, this.#maxSegmentBytes);
    await this.#sessions.prepare(unet, this.#partition, signal);
  }

  /**
   * Computes what depends on the text alone; once per prompt and context.
   * @param added the Unet's other inputs that stay the same at every step, such as `time_ids`
   */
  async begin(
    context: Context,
    embedding?: Float32Array,
    added: Readonly<Record<string, Float32Array>> = {},
  ): Promise<UnetStream> {
    const stream = new UnetStream(context);
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
    const program = this.#program(scheduled);
    await this.#prepareTimestep(timestep);
    const values = new Map<string, SharedTensor>([
      ["sample", this.#input("sample", sample)],
    ]);
    const look = (source: Source): DeviceTensor => {
      if (source.kind === "zero") return this.#zeros(source.value);
      if (source.kind === "cache") return stream.cache.get(source.port)!.tensor;
      return this.#find(source.value, values, stream).tensor;
    };
    try {
      for (const [
        i,
        { segment, feeds, fetches, frees },
      ] of program.runs.entries()) {
        if (i > 0) await breathe();
        signal?.throwIfAborted();
        const given = feeds.map(
          ({ name, source }) => [name, look(source)] as const,
        );
        for (const [name, tensor] of await this.#run(segment, given, fetches))
          values.set(name, tensor);
        for (const name of frees) {
          values.get(name)!.release();
          values.delete(name);
        }
      }
      const output = await this.#device.read(look(program.output));
      // zeros that the plan itself puts there are no failure
      if (program.output.kind !== "zero") checkOutput(output, timestep);
      this.#keep(program, scheduled, stream, values);
      return output;
    } finally {
      for (const shared of values.values()) shared.release();
    }
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
    this.#dropConstants();
    await this.#sessions.dispose();
  }

  #keep(
    program: Program,
    scheduled: ScheduledContext,
    stream: UnetStream,
    values: ReadonlyMap<string, SharedTensor>,
  ): void {
    const { cache } = stream;
    const entries = program.stores.map(
      ({ port, source }): [string, SharedTensor] => {
        if (source.kind === "zero")
          return [port, new SharedTensor(this.#makeZeros(source.value))];
        const from =
          source.kind === "cache"
            ? cache.get(source.port)!
            : this.#find(source.value, values, stream);
        return [port, from.retain()];
      },
    );
    for (const [port, shared] of entries) {
      cache.get(port)?.release();
      cache.set(port, shared);
    }
    for (const port of scheduled.drops) {
      cache.get(port)?.release();
      cache.delete(port);
    }
  }

  #find(
    value: string,
    values: ReadonlyMap<string, SharedTensor>,
    stream: UnetStream,
  ): SharedTensor {
    return (values.get(value) ??
      this.#timestep.outputs.get(value) ??
      stream.text.get(value))!;
  }

  #program(scheduled: ScheduledContext): Program {
    const { stores } = scheduled;
    const key = JSON.stringify([scheduled.signature, stores]);
    const known = this.#programs.get(key);
    if (known) return known;
    const live = this.#signatures[scheduled.signature]!;
    const program = compileProgram(this.#unet, this.#partition, live, stores);
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
    for (const value of fed) feeds[value] = this.#folded(value);
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

  #folded(value: string): DeviceTensor {
    const known = this.#constants.get(value);
    if (known) return known;
    const { type, dims, data } = this.#unet.shapes.get(value)!;
    const tensor = this.#device.tensor(type, dims, data!);
    this.#constants.set(value, tensor);
    return tensor;
  }

  #zeros(value: string): DeviceTensor {
    const { type, dims } = this.#unet.shapes.get(value)!;
    const key = `zeros ${type} [${dims.join()}]`;
    const known = this.#constants.get(key);
    if (known) return known;
    const tensor = this.#makeZeros(value);
    this.#constants.set(key, tensor);
    return tensor;
  }

  #makeZeros(value: string): DeviceTensor {
    const { type, dims } = this.#unet.shapes.get(value)!;
    const count = dims.reduce((product, dim) => product * dim, 1);
    return this.#device.tensor(type, dims, new Float32Array(count));
  }

  #dropConstants(): void {
    for (const tensor of this.#constants.values()) tensor.dispose();
    this.#constants.clear();
  }
}
