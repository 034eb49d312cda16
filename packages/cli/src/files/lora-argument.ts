// `--lora FILE[=SCALE]`.

import type { Lora } from "@phaseskip/runtime";

/**
 * Reads which LoRA is meant, and how much it counts.
 * @param text a path or URL, maybe with `=` and a number behind
 */
export function loraArgument(text: string): Lora {
  const [, url, scale] = /^(.+)=([+-]?[.\d]+(?:e[+-]?\d+)?)$/i.exec(text) ?? [];
  return url === undefined ? { url: text } : { url, scale: Number(scale) };
}
