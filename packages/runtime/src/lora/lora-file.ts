// A LoRA file: for each layer that it changes, two matrices whose product is added, and how much that counts.

import type { ByteSource } from "@phaseskip/graph";
import { PhaseskipError } from "@phaseskip/graph";
import type { LoraPart, LoraRole } from "./lora-key.js";
import { loraKey } from "./lora-key.js";
import type { LoraConfig } from "./lora-alpha.js";
import { loraAlpha, noteConfig } from "./lora-alpha.js";
import type { SafeTensor } from "./safetensors.js";
import { readSafetensors } from "./safetensors.js";

/** What a file changes of one layer: `alpha / rank · up · down`, with `mid` between them where there is one. */
export interface LoraLayer {
  /** `[rank, in, …]`; a convolution's kernel behind. */
  readonly down: SafeTensor;
  /** `[out, rank, …]` */
  readonly up: SafeTensor;
  /** `[rank, rank, height, width]`, a convolution in LyCORIS's form of LoCon. */
  readonly mid: SafeTensor | undefined;
  /** What the product is multiplied by before the caller's scale. */
  readonly scale: number;
}

/** Layers by their paths, for each network. */
export type LoraLayers = ReadonlyMap<LoraPart, ReadonlyMap<string, LoraLayer>>;

/** What other kinds of adapters call their tensors. */
const others: readonly (readonly [RegExp, string])[] = [
  [/\.(dora_scale|lora_magnitude_vector)/, "DoRA"],
  [/\.hada_/, "LoHa"],
  [/\.lokr_/, "LoKr"],
  [/\.oft_|\.boft_/, "OFT"],
  [/\.diff(_b)?$/, "whole differences of weights"],
  [/lora_(B|up)(\.\w+)?\.bias$/, "LoRA with biases"],
  [/lora_embedding_|emb_params/, "embeddings"],
];

/**
 * Reads a LoRA file's names; its matrices are read when they are merged.
 * @param name what to call the file in messages
 * @param config what lies beside the file as PEFT's `adapter_config.json`
 * @throws {PhaseskipError} `model-unsupported` If it holds another kind of adapter, or names that are not known;
 * `model-invalid` if a layer lacks one of its matrices
 */
export async function readLora(
  file: ByteSource,
  name: string,
  config?: LoraConfig,
): Promise<LoraLayers> {
  const { tensors, metadata } = await readSafetensors(file, name);
  const found = new Map<string, Partial<Record<LoraRole, SafeTensor>>>();
  for (const [key, tensor] of tensors) {
    const read = loraKey(key);
    const [, kind] = others.find(([pattern]) => pattern.test(key)) ?? [];
    if (kind !== undefined || !read) {
      throw new PhaseskipError(
        "model-unsupported",
        `Cannot use the LoRA ${name} as its tensor ${key} ${kind === undefined ? "has no name that is known" : `is of ${kind}, which is not supported`}: wanted are LoRA's matrices in the names of diffusers, PEFT or kohya`,
      );
    }
    const id = `${read.part} ${read.layer}`;
    found.set(id, { ...found.get(id), [read.role]: tensor });
  }
  const noted = config ?? noteConfig(metadata);
  const layers = new Map<LoraPart, Map<string, LoraLayer>>();
  for (const [id, { down, up, mid, alpha }] of found) {
    const [part, layer] = id.split(" ") as [LoraPart, string];
    if (!down || !up) {
      throw new PhaseskipError(
        "model-invalid",
        `Cannot use the LoRA ${name} as ${layer} must have both of its matrices: it has ${down ? "no up" : "no down"}`,
      );
    }
    const [rank = 1] = down.shape;
    const given = alpha && (await alpha.read())[0];
    const scale = loraAlpha(noted, part, layer, rank, given);
    const own = layers.get(part) ?? new Map<string, LoraLayer>();
    layers.set(part, own.set(layer, { down, up, mid, scale }));
  }
  return layers;
}
