// What kind of part a unit is, from its module path as diffusers names it.

/** Endings of paths, and what they are; the first that matches counts. */
const KINDS: readonly (readonly [RegExp, string])[] = [
  [/\.skip$/, "skip"],
  [/^(down_blocks\.\d+|up_blocks\.\d+|mid_block)$/, "block"],
  [/^(input_blocks\.\d+|output_blocks\.\d+|middle_block)$/, "block"],
  [/(^|\.)resnets\.\d+$/, "resnet"],
  [/(^|\.)(down|up)samplers\.\d+$/, "sampler"],
  [/(^|\.)transformer_blocks\.\d+$/, "transformer"],
  [/(^|\.)(attentions\.\d+|attn\d*)$/, "attention"],
  [/(^|\.)ff$/, "feed-forward"],
  [/(^|\.)(act\w*|nonlinearity|\w*_act)$/, "activation"],
  [/(^|\.)\w*norm\w*$/, "norm"],
  [/(^|\.)(\w*time\w*|add_embedding|class_embedding)(\.\w+)*$/, "embedding"],
  [/(^|\.)(\w*conv\w*)(\.\d+)?$/, "conv"],
  [
    /(^|\.)(proj\w*|to_\w+(\.\d+)?|linear\w*|net\.\d+|key|query|value)(\.proj)?$/,
    "linear",
  ],
];

/**
 * What kind of part a unit is.
 * @param path a unit's path, such as `down_blocks.1.resnets.0`
 * @returns block, resnet, attention, transformer, feed-forward, sampler, conv, linear, norm, activation, embedding
 *   or skip; `module` for anything else
 */
export function unitKind(path: string): string {
  return KINDS.find(([pattern]) => pattern.test(path))?.[1] ?? "module";
}
