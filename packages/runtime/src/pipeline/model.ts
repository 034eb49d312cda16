// A model on a device: its parts, loaded and ready to run.

import type { Graph, Unet, UnetSize } from "@phaseskip/graph";
import {
  ElementType,
  PhaseskipError,
  elementCount,
  loadGraph,
  wholeModel,
} from "@phaseskip/graph";
import type { ModelFolder } from "../folder.js";
import type { ModelIndex } from "../model-index.js";
import { loadModelIndex } from "../model-index.js";
import type { Device, DeviceTensor, Session } from "../session.js";
import type { EncodedText, Tokenizer } from "../tokenizer.js";
import { loadTokenizer } from "../tokenizer.js";
import { UnetExecutor } from "../unet/executor.js";
import { unetDigest } from "../unet-digest.js";
import { Weights } from "../weights.js";
import type { PlannableModel } from "./plan-run.js";

/** A network that runs whole: a text encoder or a decoder. */
interface WholeNetwork {
  readonly graph: Graph;
  readonly session: Session;
}

/** A model folder on a device. */
export class Model implements PlannableModel {
  readonly folder: ModelFolder;
  readonly device: Device;
  readonly index: ModelIndex;
  readonly unetGraph: Graph;
  readonly unet: UnetExecutor;
  readonly #textEncoder: WholeNetwork | undefined;
  readonly #tokenizer: Tokenizer | undefined;
  readonly #vae: WholeNetwork | undefined;
  #digest: string | undefined;

  private constructor(parts: {
    folder: ModelFolder;
    device: Device;
    index: ModelIndex;
    unetGraph: Graph;
    unet: UnetExecutor;
    textEncoder: WholeNetwork | undefined;
    tokenizer: Tokenizer | undefined;
    vae: WholeNetwork | undefined;
  }) {
    this.folder = parts.folder;
    this.device = parts.device;
    this.index = parts.index;
    this.unetGraph = parts.unetGraph;
    this.unet = parts.unet;
    this.#textEncoder = parts.textEncoder;
    this.#tokenizer = parts.tokenizer;
    this.#vae = parts.vae;
  }

  /**
   * Loads a model. The Unet's sessions are made by its first run, which knows the plan.
   * @throws {PhaseskipError} as the parts of the folder demand
   */
  static async load(
    folder: ModelFolder,
    device: Device,
    signal?: AbortSignal,
  ): Promise<Model> {
    const index = await loadModelIndex(folder, signal);
    const unetGraph = await readGraph(folder, "unet/model.onnx", signal);
    const unet = new UnetExecutor(
      device,
      unetGraph,
      new Weights(folder, "unet/model.onnx"),
    );
    const tokenizer = index.hasTextEncoder
      ? await loadTokenizer(folder, "tokenizer", signal)
      : undefined;
    const whole = (path: string) => openWhole(folder, device, path, signal);
    const textEncoder = index.hasTextEncoder
      ? await whole("text_encoder/model.onnx")
      : undefined;
    const vae = index.hasVae
      ? await whole("vae_decoder/model.onnx")
      : undefined;
    return new Model({
      folder,
      device,
      index,
      unetGraph,
      unet,
      tokenizer,
      textEncoder,
      vae,
    });
  }

  /** Tokens of every text, which are padded to one length; undefined without a tokenizer. */
  get textTokens(): number | undefined {
    return this.#tokenizer?.modelMaxLength;
  }

  /** The Unet at a size; looked at once for each size. */
  analyse(size: UnetSize): Unet {
    return this.unet.unet(size);
  }

  /** What plans know the model by: `sha256:` and 64 digits; undefined where there is no SHA-256. */
  async digest(signal?: AbortSignal): Promise<string | undefined> {
    this.#digest ??= await unetDigest(this.folder, this.unetGraph, signal);
    return this.#digest;
  }

  /**
   * A text's embedding, `[1, token, width]`.
   * @returns the embedding, and what the tokenizer says of the text
   */
  async embed(
    text: string,
  ): Promise<{ embedding: Float32Array<ArrayBuffer>; encoded: EncodedText }> {
    const encoded = this.#tokenizer!.encode(text);
    const { graph, session } = this.#textEncoder!;
    const input =
      graph.inputs.find(({ name }) => name === "input_ids") ?? graph.inputs[0]!;
    const batch = typeof input.dims?.[0] === "number" ? input.dims[0] : 1;
    const ids = Array.from({ length: batch }, () => encoded.ids).flat();
    const feeds: Record<string, DeviceTensor> = {
      [input.name]: this.device.tensor(
        input.type,
        [batch, encoded.ids.length],
        ids,
      ),
    };
    for (const { name, type } of graph.inputs) {
      if (name === input.name) continue;
      if (name !== "attention_mask") {
        throw new PhaseskipError(
          "model-unsupported",
          `Cannot run the text encoder as its input ${name} is not known; known are input_ids and attention_mask`,
        );
      }
      feeds[name] = this.device.tensor(
        type,
        [batch, encoded.ids.length],
        ids.map(() => 1),
      );
    }
    const output =
      graph.outputs.find(({ name }) => name === "last_hidden_state") ??
      graph.outputs[0]!;
    const hidden = await this.#read(session, feeds, output.name);
    return { embedding: hidden.slice(0, hidden.length / batch), encoded };
  }

  /**
   * Decodes one latent to pixels; a model without a VAE returns the sample itself.
   * @param sample `[channel, height, width]`
   */
  async decode(
    sample: Float32Array<ArrayBuffer>,
    height: number,
    width: number,
  ): Promise<{ sample: Float32Array; height: number; width: number }> {
    if (!this.#vae) return { sample, height, width };
    const { graph, session } = this.#vae;
    const { scalingFactor } = this.index;
    const input = graph.inputs[0]!;
    const batch = typeof input.dims?.[0] === "number" ? input.dims[0] : 1;
    const latent = new Float32Array(sample.length * batch);
    for (let i = 0; i < latent.length; i++)
      latent[i] = sample[i % sample.length]! / scalingFactor;
    const type =
      input.type === ElementType.FLOAT16 && !this.device.hasHalf
        ? ElementType.FLOAT
        : input.type;
    const dims = [batch, sample.length / (height * width), height, width];
    const feeds = { [input.name]: this.device.tensor(type, dims, latent) };
    const outputs = await session.run(feeds, [graph.outputs[0]!.name]);
    const decoded = outputs[graph.outputs[0]!.name]!;
    const [, channels = 3, outHeight = height, outWidth = width] = decoded.dims;
    const pixels = await this.device.read(decoded);
    dispose(feeds);
    dispose(outputs);
    return {
      sample: pixels.slice(0, elementCount([channels, outHeight, outWidth])),
      height: outHeight,
      width: outWidth,
    };
  }

  /** Frees every session and closes the folder. */
  async dispose(): Promise<void> {
    await this.unet.dispose();
    await this.#textEncoder?.session.release();
    await this.#vae?.session.release();
    await this.folder.close();
  }

  async #read(
    session: Session,
    feeds: Record<string, DeviceTensor>,
    output: string,
  ) {
    try {
      const outputs = await session.run(feeds, [output]);
      const data = await this.device.read(outputs[output]!);
      dispose(outputs);
      return data;
    } finally {
      dispose(feeds);
    }
  }
}

function dispose(tensors: Readonly<Record<string, DeviceTensor>>): void {
  for (const tensor of Object.values(tensors)) tensor.dispose();
}

async function readGraph(
  folder: ModelFolder,
  path: string,
  signal?: AbortSignal,
): Promise<Graph> {
  const file = await folder.file(path, signal);
  if (!file) {
    throw new PhaseskipError(
      "model-invalid",
      `Cannot load the model at ${folder.location} as it has no ${path}`,
    );
  }
  return loadGraph(file, path);
}

async function openWhole(
  folder: ModelFolder,
  device: Device,
  path: string,
  signal?: AbortSignal,
): Promise<WholeNetwork> {
  const graph = await readGraph(folder, path, signal);
  const model = wholeModel(graph, !device.hasHalf);
  const external = await new Weights(folder, path).external(model, signal);
  return { graph, session: await device.createSession(model.bytes, external) };
}
