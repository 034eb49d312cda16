// A model on a device: its parts, opened and ready to run.

import type { Graph, Unet, UnetSize } from "@phaseskip/graph";
import type { ModelFolder } from "../folder/folder.js";
import type { ModelIndex } from "../folder/model-index.js";
import type { UnetReader } from "../folder/model-index.js";
import type { UnetInputs } from "../folder/input-names.js";
import { checkKernels } from "../device/check-kernels.js";
import type { Device } from "../device/session.js";
import { SegmentTimes } from "../unet/segment-times.js";
import { UnetExecutor } from "../unet/executor.js";
import type { PartFiles } from "../folder/part-files.js";
import { modelInputs } from "../inputs/model-inputs.js";
import { channelsBeside } from "../inputs/sample-channels.js";
import { unetDigest } from "../folder/unet-digest.js";
import { openExternalFiles, Weights } from "../unet/weights.js";
import type { ImageArray } from "../picture/picture.js";
import type { NetworkName } from "./plannable-model.js";
import type { PlannableModel } from "./plannable-model.js";
import type {
  EmbeddedText,
  EmbedOptions,
  TextEncoders,
  ToldText,
} from "../networks/text-encoders.js";
import type { LoraPart } from "../lora/lora-key.js";
import type { Lora, ModelLoras } from "../lora/model-loras.js";
import type { LatentDistribution } from "../picture/latent.js";
import type { Vae } from "../networks/vae.js";

/** A model folder on a device. */
export class Model implements PlannableModel {
  readonly folder: ModelFolder;
  readonly device: Device;
  readonly index: ModelIndex;
  readonly unetGraph: Graph;
  readonly unet: UnetExecutor;
  /** How long the Unet's segments take. */
  readonly times: SegmentTimes;
  readonly #parts: PartFiles;
  /** The Unet's graph as its file has it, without ControlNets. */
  readonly #unetFile: Graph;
  readonly #weights: Weights;
  #loras: ModelLoras | undefined;
  #text: TextEncoders | undefined;
  #vae: Vae | undefined;
  #digest: string | undefined;

  private constructor(
    parts: PartFiles,
    device: Device,
    index: ModelIndex,
    unetFile: Graph,
    unetGraph: Graph,
  ) {
    this.#unetFile = unetFile;
    const { folder } = parts;
    this.#parts = parts;
    this.folder = folder;
    this.device = device;
    this.index = index;
    this.unetGraph = unetGraph;
    this.#weights = new Weights(folder, index.unetPath);
    this.times = new SegmentTimes(folder.location);
    const weights = this.#weights;
    const inputs = modelInputs(unetGraph, index.constants);
    this.unet = new UnetExecutor(device, unetGraph, weights, inputs);
  }

  /**
   * Loads a model: its files are there then. Sessions are made by `start`, or by the first run; the Unet's always by that,
   * as it knows the plan.
   * @param on the device, or what chooses it for the Unet
   * @param dtype which of a network's files is taken. @default the one that the device does best with
   * @param inputs how the Unet calls what it takes. @default as diffusers does, or as the file beside it says
   * @throws {PhaseskipError} as the parts of the folder demand
   */
  static async load(
    folder: ModelFolder,
    on: Device | ((unet: UnetReader) => Promise<Device>),
    signal?: AbortSignal,
    dtype?: string,
    inputs?: UnetInputs,
  ): Promise<Model> {
    const { loadModelIndex, PartFiles } =
      await import("../folder/model-index.js");
    const parts = new PartFiles(folder, dtype, inputs);
    let device!: Device;
    const choose = async (unet: UnetReader) =>
      (device = typeof on === "function" ? await on(unet) : on);
    const how = { parts, device: choose };
    const index = await loadModelIndex(folder, signal, how);
    channelsBeside(index.unetConfig, folder.location);
    const graph = await parts.graph("unet", device, signal);
    checkKernels(graph, device, index.unetPath);
    const unet = await withControls(folder, index, graph, signal);
    const model = new Model(parts, device, index, graph, unet);
    await openExternalFiles(folder, index.unetPath, graph, signal);
    if (index.hasTextEncoder) {
      const { TextEncoders } = await import("../networks/text-encoders.js");
      model.#text = await TextEncoders.open(parts, device, index, signal);
    }
    if (index.hasVae) {
      const { Vae } = await import("../networks/vae.js");
      model.#vae = await Vae.open(parts, device, index, signal);
    }
    await folder.complete(signal);
    return model;
  }

  /** Makes the sessions that no plan changes. @throws {PhaseskipError} the device's errors */
  async start(signal?: AbortSignal): Promise<void> {
    await this.#text?.start(signal);
    await this.#vae?.start(signal);
  }

  /** Tokens of every text, which are padded to one length; undefined without a tokenizer. */
  get textTokens(): number | undefined {
    return this.#text?.tokens;
  }

  /** The graph of a network beside the Unet. */
  async network(name: NetworkName, signal?: AbortSignal): Promise<Graph> {
    const loaded = this.#text?.graph(name) ?? this.#vae?.graph(name);
    return loaded ?? this.#parts.graph(name, this.device, signal);
  }

  /** The Unet at a size; looked at once for each size. */
  analyse(size: UnetSize): Unet {
    return this.unet.unet(size);
  }

  /** What plans know the model by: `sha256:` and 64 digits; undefined where there is no SHA-256. */
  async digest(signal?: AbortSignal): Promise<string | undefined> {
    const { folder, index } = this;
    const path = index.unetPath;
    this.#digest ??= await unetDigest(folder, this.#unetFile, path, signal);
    return this.#digest;
  }

  /**
   * Merges LoRAs into the weights, and takes out those that were merged before: sessions whose weights stay as they are
   * are kept.
   * @throws {PhaseskipError} If a file cannot be fetched, or does not fit the model
   */
  async useLoras(
    loras: readonly Lora[] = [],
    signal?: AbortSignal,
  ): Promise<void> {
    if (loras.length === 0 && !this.#loras) return;
    const { ModelLoras } = await import("../lora/model-loras.js");
    this.#loras ??= new ModelLoras();
    const graphs: Partial<Record<LoraPart, Graph>> = { unet: this.#unetFile };
    for (const name of ["text_encoder", "text_encoder_2"] as const) {
      const graph = this.#text?.graph(name);
      if (graph) graphs[name] = graph;
    }
    const changes = await this.#loras.changes(loras, graphs, signal);
    this.#weights.changes = changes.get("unet");
    await this.#text?.change((name) => changes.get(name as LoraPart));
  }

  /** Windows of `textTokens` that a text needs. */
  readonly textWindows = (text: string): number =>
    this.#text?.windows(text) ?? 1;

  /** Embeds what a context is told; only of a model that has a text encoder. */
  async embed(
    told: ToldText,
    reading: EmbedOptions,
    signal?: AbortSignal,
  ): Promise<EmbeddedText> {
    return this.#text!.embed(told, reading, signal);
  }

  /** @throws {RangeError} If samples of this size cannot be decoded */
  checkSize(height: number, width: number): void {
    this.#vae?.checkSize(height, width);
  }

  /** From pixels in [-1, 1] to the distribution of a latent, not scaled; a model without a VAE takes them as they are. */
  async encode(
    image: ImageArray,
    isTiled: boolean,
    signal?: AbortSignal,
  ): Promise<LatentDistribution> {
    return this.#vae
      ? this.#vae.encode(image, isTiled, signal)
      : { mean: image.data };
  }

  /** From a clean sample to pixels; a model without a VAE returns the sample itself. */
  async decode(
    sample: ImageArray,
    isTiled: boolean,
    signal?: AbortSignal,
  ): Promise<ImageArray> {
    return this.#vae ? this.#vae.decode(sample, isTiled, signal) : sample;
  }

  /** Frees every session and closes the folder. */
  async dispose(): Promise<void> {
    await this.unet.dispose();
    await this.#text?.release();
    await this.#vae?.release();
    await this.#loras?.close();
    await this.folder.close();
  }
}

/** The Unet with the ControlNets of its folder. */
async function withControls(
  folder: ModelFolder,
  index: ModelIndex,
  unet: Graph,
  signal?: AbortSignal,
): Promise<Graph> {
  if (index.controlNets.length === 0) return unet;
  const { controlledUnet } = await import("../networks/control-nets.js");
  return controlledUnet(
    folder,
    index,
    unet,
    modelInputs(unet, index.constants),
    signal,
  );
}
