// A VAE between pixels and latents.

import type { Graph } from "@phaseskip/graph";
import { PhaseskipError } from "@phaseskip/graph";
import type { ModelIndex } from "../folder/model-index.js";
import type { PartFiles } from "../folder/part-files.js";
import type { Device } from "../device/session.js";
import type { LatentDistribution } from "../picture/latent.js";
import type { TileSides } from "./in-tiles.js";
import { inTiles } from "./in-tiles.js";
import { Network } from "./network.js";
import type { ImageArray } from "../picture/picture.js";

/** A model's VAE; its encoder is loaded when it is first needed. */
export class Vae {
  readonly #parts: PartFiles;
  readonly #device: Device;
  readonly #index: ModelIndex;
  readonly #decoder: Network;
  #encoder: Network | undefined;

  private constructor(
    parts: PartFiles,
    device: Device,
    index: ModelIndex,
    decoder: Network,
  ) {
    this.#parts = parts;
    this.#device = device;
    this.#index = index;
    this.#decoder = decoder;
  }

  /** @throws {PhaseskipError} `model-invalid` If the folder has no decoder */
  static async open(
    parts: PartFiles,
    device: Device,
    index: ModelIndex,
    signal?: AbortSignal,
  ): Promise<Vae> {
    const decoder = await Network.open(parts, device, "vae_decoder", signal);
    return new Vae(parts, device, index, decoder);
  }

  /** The graph of one of its halves, if that is loaded. */
  graph(name: string): Graph | undefined {
    if (name === "vae_decoder") return this.#decoder.graph;
    return name === "vae_encoder" ? this.#encoder?.graph : undefined;
  }

  /** Makes the decoder's session. */
  async start(signal?: AbortSignal): Promise<void> {
    await this.#decoder.start(signal);
  }

  /** @throws {RangeError} If its export is fixed to latents of another size */
  checkSize(height: number, width: number): void {
    const { vaeScaleFactor } = this.#index;
    const dims = this.#decoder.graph.inputs[0]!.dims ?? [];
    for (const [name, side, dim] of [
      ["height", height, dims[2]],
      ["width", width, dims[3]],
    ] as const) {
      if (typeof dim !== "number" || dim === side) continue;
      throw new RangeError(
        `Cannot generate an image as ${name} must be the ${dim * vaeScaleFactor} pixels that the model's vae_decoder is fixed to: current value is ${side * vaeScaleFactor}; export it with dynamic axes to change that`,
      );
    }
  }

  /** From a latent to pixels in [-1, 1]. @param isTiled whether in tiles */
  async decode(
    latent: ImageArray,
    isTiled: boolean,
    signal?: AbortSignal,
  ): Promise<ImageArray> {
    const decode = (tile: ImageArray) => this.#decode(tile, signal);
    return isTiled
      ? inTiles(latent, this.#tiles("decoder"), decode)
      : decode(latent);
  }

  #tiles(half: "encoder" | "decoder"): TileSides {
    const { vaeScaleFactor, vaeTileSize } = this.#index;
    const latent = vaeTileSize / vaeScaleFactor;
    return half === "decoder"
      ? { from: latent, to: vaeTileSize }
      : { from: vaeTileSize, to: latent };
  }

  async #decode(
    { data, height, width }: ImageArray,
    signal?: AbortSignal,
  ): Promise<ImageArray> {
    const { scalingFactor } = this.#index;
    const row = {
      dims: [data.length / (height * width), height, width],
      data: data.map((value) => value / scalingFactor),
    };
    const { inputs, outputs } = this.#decoder.graph;
    const names = [outputs[0]!.name];
    const [made] = await this.#decoder.run(
      { [inputs[0]!.name]: row },
      names,
      signal,
    );
    const [, outHeight = height, outWidth = width] = made!.dims;
    return { data: made!.data, height: outHeight, width: outWidth };
  }

  /**
   * From pixels in [-1, 1] to the distribution of a latent, as it is, not scaled. An export that draws from the
   * distribution itself is taken for its mean.
   * @param isTiled whether in tiles
   * @throws {PhaseskipError} `model-unsupported` If the folder has no encoder
   */
  async encode(
    image: ImageArray,
    isTiled: boolean,
    signal?: AbortSignal,
  ): Promise<LatentDistribution> {
    const encode = (tile: ImageArray) => this.#encode(tile, signal);
    const { data, height, width } = isTiled
      ? await inTiles(image, this.#tiles("encoder"), encode)
      : await encode(image);
    const length = this.#index.unetConfig.sampleChannels * height * width;
    return {
      mean: data.slice(0, length),
      ...(data.length > length && {
        deviation: deviations(data.slice(length)),
      }),
    };
  }

  /** Means, and behind them log variances where the export has them. */
  async #encode(
    { data, height, width }: ImageArray,
    signal?: AbortSignal,
  ): Promise<ImageArray> {
    const encoder = (this.#encoder ??= await this.#openEncoder(signal));
    const { inputs, outputs } = encoder.graph;
    const row = { dims: [data.length / (height * width), height, width], data };
    const names = [outputs[0]!.name];
    const [made] = await encoder.run({ [inputs[0]!.name]: row }, names, signal);
    const [channels = 1, outHeight = height, outWidth = width] = made!.dims;
    const wanted = this.#index.unetConfig.sampleChannels;
    if (channels !== wanted && channels !== 2 * wanted) {
      throw new PhaseskipError(
        "model-unsupported",
        `Cannot draw from an image as vae_encoder must give ${wanted} channels, or ${2 * wanted} of means and variances: it gives ${channels}`,
      );
    }
    return { data: made!.data, height: outHeight, width: outWidth };
  }

  /** Frees the sessions. */
  async release(): Promise<void> {
    await this.#decoder.release();
    await this.#encoder?.release();
  }

  async #openEncoder(signal?: AbortSignal): Promise<Network> {
    const part = "vae_encoder";
    if (!(await this.#parts.find(part, this.#device, signal))) {
      throw new PhaseskipError(
        "model-unsupported",
        `Cannot draw from an image as the model at ${this.#parts.folder.location} has no ${part}/model.onnx, which turns pixels into latents: export the model with it, as Optimum does`,
      );
    }
    return Network.open(this.#parts, this.#device, part, signal);
  }
}

/** Of log variances, within the bounds of diffusers 0.42.1 (models/autoencoders/vae.py). */
function deviations(logVariances: Float32Array<ArrayBuffer>): Float32Array {
  return logVariances.map((value) =>
    Math.exp(0.5 * Math.min(Math.max(value, -30), 20)),
  );
}
