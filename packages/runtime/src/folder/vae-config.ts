// What a VAE is, by its configuration; by its decoder's graph where there is none.

import type { Graph } from "@phaseskip/graph";
import { halvings } from "./unet-config.js";

/** What AutoencoderKL takes where its configuration says nothing (diffusers 0.42.1, autoencoder_kl.py). */
const SCALING_FACTOR = 0.18215;
/** That of the VAE that Stable Diffusion XL was trained with. */
const XL_SCALING_FACTOR = 0.13025;

/** Tiles are no larger than this, in pixels: those of Stable Diffusion XL's VAE, 1,024, are what memory does not suffice for. */
const LARGEST_TILE = 512;

/** A VAE's configuration. */
export interface VaeConfig {
  /** The latent is divided by this before it is decoded. */
  readonly scalingFactor: number;
  /** Pixels per latent pixel, in both directions. */
  readonly vaeScaleFactor: number;
  /** Side of a tile where pictures go through it in tiles, in pixels. */
  readonly vaeTileSize: number;
}

/**
 * Reads it.
 * @param config vae_decoder/config.json, where there is one
 * @param decoder the decoder's graph, read where the configuration does not say by how much it enlarges
 * @param isXl whether the pipeline is Stable Diffusion XL's
 */
export async function vaeConfig(
  config: Readonly<Record<string, unknown>> | undefined,
  decoder: () => Promise<Graph>,
  isXl: boolean,
): Promise<VaeConfig> {
  const said = config?.["scaling_factor"];
  const unsaid = isXl && !config ? XL_SCALING_FACTOR : SCALING_FACTOR;
  return {
    scalingFactor: typeof said === "number" ? said : unsaid,
    vaeScaleFactor:
      halvings(config?.["block_out_channels"]) ?? enlargement(await decoder()),
    vaeTileSize: Math.min(trainedSize(config), LARGEST_TILE),
  };
}

/** The side of the pictures that it was trained on, in pixels. */
function trainedSize(config: Readonly<Record<string, unknown>> | undefined) {
  const said = config?.["sample_size"];
  const side: unknown = Array.isArray(said) ? said[0] : said;
  return typeof side === "number" && side > 0 ? side : LARGEST_TILE;
}

/** By how much a decoder enlarges: where its sizes are open, each layer that enlarges doubles the sides. */
function enlargement({ inputs, outputs, nodes }: Graph): number {
  const [from, to] = [inputs[0]?.dims?.[2], outputs[0]?.dims?.[2]];
  if (typeof from === "number" && typeof to === "number") return to / from;
  const doubling = nodes.filter(({ opType }) =>
    ["Resize", "Upsample", "ConvTranspose", "DepthToSpace"].includes(opType),
  );
  return 2 ** doubling.length;
}
