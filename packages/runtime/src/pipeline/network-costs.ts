// What a run's networks beside the Unet cost: they always run whole, whatever a plan does.

import type { NetworkName } from "./plannable-model.js";
import type { Graph } from "@phaseskip/graph";
import { PhaseskipError, networkMacs } from "@phaseskip/graph";
import type { TilingDevice } from "../device/device-fit.js";
import type { ModelIndex } from "../folder/model-index.js";
import type { Schedule } from "../schedule/schedule.js";
import { vaeTiling } from "../networks/vae-tiling.js";
import { contextText } from "../prompt/context-text.js";
import type { RunSize } from "./run-size.js";
import type { PlannableModel } from "./plannable-model.js";
import type { Request } from "./request.js";
import type { TextRequest } from "../prompt/text-options.js";
import { promptCount } from "../prompt/picture-count.js";

/** Multiply-accumulates of a pipeline's networks in a whole run. */
export interface PipelineMacs {
  /** All text encoders, for each text once; 0 without one. */
  readonly textEncoder: number;
  /** The VAE's encoder, which reads an image to start from; 0 where there is none. */
  readonly vaeEncoder: number;
  /** The VAE's decoder, for every picture, previews too; 0 without one. */
  readonly vaeDecoder: number;
  /** All of these and the Unet: runs of equal cost agree in this. */
  readonly total: number;
  /** The same where the whole Unet runs at every step, in both contexts where guidance is on. */
  readonly full: number;
}

/** What the networks beside the Unet cost in a run. */
export interface NetworkCosts {
  readonly textEncoder: number;
  readonly vaeEncoder: number;
  /** One picture. */
  readonly vaeDecoder: number;
  /** Networks that run, and what each of their inputs is fed. */
  readonly runs: readonly {
    readonly graph: Graph;
    readonly dims: readonly number[];
    /** What it is fed at most where pictures go through the VAE in tiles. */
    readonly tile: readonly number[];
  }[];
  /** Whether pictures go through the VAE in tiles on a device. */
  readonly isTiled: (device: TilingDevice) => boolean;
  /** Networks that could not be counted, and why. */
  readonly warnings: readonly string[];
}

const known = new WeakMap<Graph, Map<string, number>>();

/**
 * Counts what a run needs of the networks beside the Unet.
 * @param encodings latents that are made of the image
 * @throws {RangeError} If tiles are asked of a VAE that is fixed to another size than theirs
 * @throws {PhaseskipError} `model-invalid` or `model-unsupported` If the folder lacks a network that the run needs
 */
export async function networkCosts(
  model: PlannableModel,
  request: TextRequest &
    Pick<Request, "image"> &
    Partial<Pick<Request, "vaeTiling">>,
  { shape, size }: RunSize,
  { steps }: Pick<Schedule, "steps">,
  encodings: number,
  signal?: AbortSignal,
): Promise<NetworkCosts> {
  const { index, textTokens = 0 } = model;
  const warnings: string[] = [];
  const runs: NetworkCosts["runs"][number][] = [];
  const count = async (
    name: NetworkName,
    dims: readonly number[],
    tileSide = Infinity,
  ) => {
    const graph = await model.network(name, signal);
    const sizes = known.get(graph) ?? new Map<string, number>();
    known.set(graph, sizes);
    const key = dims.join();
    try {
      const macs = sizes.get(key) ?? networkMacs(graph, () => dims);
      sizes.set(key, macs);
      // height and width
      const tile = dims.map((dim, axis) =>
        axis < 2 ? dim : Math.min(dim, tileSide),
      );
      runs.push({ graph, dims, tile });
      return macs;
    } catch (error) {
      // it runs all the same: only a cut needs shapes
      if (!(error instanceof PhaseskipError)) throw error;
      warnings.push(`${name} is not in the pipeline's MACs: ${error.message}`);
      return 0;
    }
  };
  const isGuided = steps.some(({ contexts }) => contexts.length > 1);
  const windows = textTokens && (size.tokens ?? textTokens) / textTokens;
  const texts = textCount(index, request, isGuided) * windows;
  let perText = 0;
  for (const name of index.textEncoders)
    perText += await count(name, [1, textTokens]);
  const [, channels, height, width] = shape;
  const { vaeScaleFactor, vaeTileSize } = index;
  const picture = [height, width].map((side) => side * vaeScaleFactor);
  const latent = [1, channels, height, width];
  const latentTile = vaeTileSize / vaeScaleFactor;
  const isTiled = index.hasVae
    ? vaeTiling(
        await model.network("vae_decoder", signal),
        latent,
        latentTile,
        request.vaeTiling,
      )
    : () => false;
  const encoded = index.hasVae && request.image ? encodings : 0;
  return {
    textEncoder: texts * perText,
    vaeEncoder:
      encoded &&
      encoded * (await count("vae_encoder", [1, 3, ...picture], vaeTileSize)),
    vaeDecoder: index.hasVae
      ? await count("vae_decoder", latent, latentTile)
      : 0,
    runs,
    isTiled,
    warnings,
  };
}

/**
 * The pipeline's count of a run.
 * @param pictures decoded ones
 */
export function pipelineMacs(
  { textEncoder, vaeEncoder, vaeDecoder }: NetworkCosts,
  pictures: number,
  unet: { readonly macs: number; readonly fullMacs: number },
): PipelineMacs {
  const parts = { textEncoder, vaeEncoder, vaeDecoder: vaeDecoder * pictures };
  const others = textEncoder + vaeEncoder + parts.vaeDecoder;
  return {
    ...parts,
    total: unet.macs + others,
    full: unet.fullMacs + others,
  };
}

/** Texts that are embedded, each once. */
function textCount(
  index: ModelIndex,
  request: TextRequest,
  isGuided: boolean,
): number {
  // a description may leave the prompt open
  const asked = request.promptEmbeds
    ? request
    : { ...request, prompts: request.prompts ?? ["a prompt"] };
  // the context of an image that is edited is told what the last one is
  const contexts = (["cond", "uncond"] as const).slice(0, isGuided ? 2 : 1);
  const texts = new Set<string>();
  for (let i = 0; i < promptCount(asked); i++) {
    for (const context of contexts) {
      const told = contextText(index, asked, context, i);
      // zeros are made of what the encoders make of the prompt
      if (told && !told.embeds)
        texts.add(JSON.stringify([told.text, told.text2]));
    }
  }
  return texts.size;
}
