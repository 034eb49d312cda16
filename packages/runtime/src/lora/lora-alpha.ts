// How much a LoRA's product counts: alpha / rank. An alpha beside the matrices comes first, then what the file's maker
// noted, then the rank itself, which makes 1 (diffusers 0.42.1, utils/peft_utils.py, get_peft_kwargs).

import type { LoraPart } from "./lora-key.js";
import { canonicalLayer } from "./lora-key.js";

/** A LoRA's settings, as PEFT writes them; diffusers puts the network's name and a dot before each key. */
export type LoraConfig = Readonly<Record<string, unknown>>;

/** The settings that diffusers notes in the file itself. */
export function noteConfig(
  metadata: Readonly<Record<string, string>>,
): LoraConfig | undefined {
  const noted = metadata["lora_adapter_metadata"];
  return noted === undefined ? undefined : (JSON.parse(noted) as LoraConfig);
}

/** What a layer's product is multiplied by. */
export function loraAlpha(
  config: LoraConfig | undefined,
  part: LoraPart,
  layer: string,
  rank: number,
  given: number | undefined,
): number {
  const setting = (key: string) => config?.[`${part}.${key}`] ?? config?.[key];
  const patterns = (setting("alpha_pattern") ?? {}) as Record<string, number>;
  const [, own] =
    Object.entries(patterns).find(([path]) => {
      const pattern = canonicalLayer(path);
      return layer === pattern || layer.endsWith(`_${pattern}`);
    }) ?? [];
  const common = setting("lora_alpha") as number | undefined;
  const alpha = given ?? own ?? common ?? rank;
  const isRootScaled = setting("use_rslora") === true && given === undefined;
  return alpha / (isRootScaled ? Math.sqrt(rank) : rank);
}
