// A network of a pipeline that always runs whole: a text encoder, or one half of a VAE.

import type { Graph } from "@phaseskip/graph";
import { elementCount, wholeModel } from "@phaseskip/graph";
import type { ModelFolder } from "../folder/folder.js";
import type { PartFiles } from "../folder/part-files.js";
import type { PartName } from "../folder/part-name.js";
import { checkKernels } from "../device/check-kernels.js";
import { breathe } from "../device/macrotask.js";
import type { Device, DeviceTensor, Session } from "../device/session.js";
import { checkOutput } from "../unet/check-output.js";
import type { WeightChanges } from "../unet/weights.js";
import { weightHolding } from "../unet/weight-holding.js";
import { openExternalFiles, Weights } from "../unet/weights.js";

/** What a network reads or makes, without the batch. */
export interface Row {
  /** Sizes of its axes behind the batch. */
  readonly dims: readonly number[];
  readonly data: Float32Array<ArrayBuffer> | readonly number[];
}

/** One ONNX file on a device. */
export class Network {
  readonly graph: Graph;
  readonly #folder: ModelFolder;
  readonly #device: Device;
  readonly #path: string;
  readonly #weights: Weights;
  #session: Session | undefined;

  private constructor(
    folder: ModelFolder,
    device: Device,
    path: string,
    graph: Graph,
  ) {
    this.graph = graph;
    this.#folder = folder;
    this.#device = device;
    this.#path = path;
    this.#weights = new Weights(folder, path);
  }

  /**
   * Opens its files. Its session is made by `start`, or by the first run.
   * @throws {PhaseskipError} `model-invalid` If the folder has no such file
   */
  static async open(
    parts: PartFiles,
    device: Device,
    part: PartName,
    signal?: AbortSignal,
  ): Promise<Network> {
    const { folder } = parts;
    const graph = await parts.graph(part, device, signal);
    const path = await parts.path(part, device, signal);
    checkKernels(graph, device, path);
    await openExternalFiles(folder, path, graph, signal);
    return new Network(folder, device, path, graph);
  }

  /** The same file with another graph, whose session is its own. */
  with(graph: Graph): Network {
    return new Network(this.#folder, this.#device, this.#path, graph);
  }

  /** Has something made of its weights; a session that holds them otherwise is freed. */
  async change(changes: WeightChanges | undefined): Promise<void> {
    const names = [...this.graph.weights.keys()];
    const before = this.#weights.changesOf(names);
    this.#weights.changes = changes;
    if (this.#weights.changesOf(names) !== before) await this.release();
  }

  /** Makes its session, unless it is there. @throws {PhaseskipError} the device's errors */
  async start(signal?: AbortSignal): Promise<void> {
    this.#session ??= await this.#createSession(signal);
  }

  /**
   * Runs it on one row; an export that is fixed to a larger batch gets the row repeated.
   * @param rows by the name of the input
   * @param fetches names of outputs
   * @returns the outputs' rows, in the order of `fetches`
   */
  async run(
    rows: Readonly<Record<string, Row>>,
    fetches: readonly string[],
    signal?: AbortSignal,
  ): Promise<{ dims: readonly number[]; data: Float32Array<ArrayBuffer> }[]> {
    await breathe();
    signal?.throwIfAborted();
    const session = (this.#session ??= await this.#createSession(signal));
    const tensors: DeviceTensor[] = [];
    try {
      const feeds: Record<string, DeviceTensor> = {};
      for (const { name, type, dims: declared } of this.graph.inputs) {
        const { dims, data } = rows[name]!;
        const [fixed] = declared ?? [];
        const batch = typeof fixed === "number" && fixed > 0 ? fixed : 1;
        const tensor = this.#device.tensor(
          type,
          [batch, ...dims],
          repeated(data, batch),
        );
        tensors.push((feeds[name] = tensor));
      }
      const outputs = await session.run(feeds, fetches);
      tensors.push(...Object.values(outputs));
      const made = [];
      for (const name of fetches) {
        const [, ...dims] = outputs[name]!.dims;
        const data = await this.#device.read(outputs[name]!);
        checkOutput(data, this.#path);
        made.push({ dims, data: data.slice(0, elementCount(dims)) });
      }
      return made;
    } catch (error) {
      // a session whose run threw is not to be trusted: the next run gets a new one
      this.#session = undefined;
      await session.release().catch(() => undefined);
      throw error;
    } finally {
      for (const tensor of tensors) tensor.dispose();
    }
  }

  /** Frees the session. */
  async release(): Promise<void> {
    await this.#session?.release();
    this.#session = undefined;
  }

  async #createSession(signal?: AbortSignal): Promise<Session> {
    const { isChanged } = this.#weights;
    const { half } = weightHolding(this.#device, this.graph);
    const isWide = !this.#device.hasHalf;
    const model = wholeModel(this.graph, isWide, isChanged, half);
    try {
      const external = await this.#weights.external(model, signal);
      return await this.#device.createSession(model.bytes, external);
    } finally {
      this.#weights.dropSpace();
    }
  }
}

function repeated(
  data: Row["data"],
  count: number,
): Float32Array | readonly number[] {
  if (count === 1) return data;
  if (!(data instanceof Float32Array))
    return Array.from({ length: count }, () => data).flat();
  const all = new Float32Array(data.length * count);
  for (let i = 0; i < count; i++) all.set(data, i * data.length);
  return all;
}
