// What a tensor of a LoRA file is, by its name: diffusers', PEFT's or kohya's.

import { sgmLayer } from "./sgm-layer.js";

/** Networks that a LoRA changes: folders of the model. */
export type LoraPart = "unet" | "text_encoder" | "text_encoder_2";

/** What a tensor is to its layer. */
export type LoraRole = "down" | "up" | "mid" | "alpha";

/** A tensor's name, read. */
export interface LoraKey {
  readonly part: LoraPart;
  /** The layer's module path, with underscores for dots: kohya's names know no dots. */
  readonly layer: string;
  readonly role: LoraRole;
}

/** Old diffusers: `….attn1.processor.to_q_lora.down.weight`. */
const processor =
  /^(.+)\.processor\.(to_[qkv]|to_out)_lora\.(down|up)\.weight$/;
const matrix =
  /^(.+)\.(?:lora_(A|B|down|up|mid)(?:\.\w+)?|lora(?:_linear_layer)?\.(down|up))\.weight$/;
const roles: Readonly<Record<string, LoraRole>> = {
  ...{ A: "down", B: "up", down: "down", up: "up", mid: "mid" },
};

const prefixes: readonly (readonly [RegExp, LoraPart])[] = [
  [/^(lora_unet_|unet\.)/, "unet"],
  [/^(lora_te2_|text_encoder_2\.)/, "text_encoder_2"],
  [/^(lora_te1?_|text_encoder\.)/, "text_encoder"],
  [/^(base_model\.model\.)?(?=text_model\.|encoder\.layers\.)/, "text_encoder"],
  [/^(base_model\.model\.)?(?=(down|up)_blocks|mid_block|conv_|time_)/, "unet"],
];

/** Reads a tensor's name; undefined where it is none that is known. */
export function loraKey(name: string): LoraKey | undefined {
  const found = layerAndRole(name);
  const [prefix, part] =
    prefixes.find(([pattern]) => found && pattern.test(found.path)) ?? [];
  if (!found || !prefix || !part) return undefined;
  const layer = canonicalLayer(found.path.replace(prefix, ""));
  return { part, layer, role: found.role };
}

/** A module path as both a file's and a graph's are compared. */
export function canonicalLayer(path: string): string {
  return sgmLayer(path.replaceAll(".", "_").replace(/^text_model_/, ""));
}

function layerAndRole(
  name: string,
): { readonly path: string; readonly role: LoraRole } | undefined {
  const [, around, projection, side] = processor.exec(name) ?? [];
  if (around !== undefined) {
    const own = projection === "to_out" ? "to_out.0" : projection!;
    return { path: `${around}.${own}`, role: roles[side!]! };
  }
  const [, path, peft, diffusers] = matrix.exec(name) ?? [];
  if (path !== undefined) return { path, role: roles[(peft ?? diffusers)!]! };
  return name.endsWith(".alpha")
    ? { path: name.slice(0, -".alpha".length), role: "alpha" }
    : undefined;
}
