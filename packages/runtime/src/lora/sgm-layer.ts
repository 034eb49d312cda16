// Layers of an SDXL Unet as Stability's own code names them, which kohya's scripts keep, in diffusers' names.
// Follows diffusers 0.42.1, loaders/lora_conversion_utils.py, _maybe_map_sgm_blocks_to_diffusers.

/** What a ResNet's layers are called. */
const inResnet: readonly (readonly [string, string])[] = [
  ["in_layers_2", "conv1"],
  ["out_layers_3", "conv2"],
  ["emb_layers_1", "time_emb_proj"],
  ["skip_connection", "conv_shortcut"],
];

/**
 * A layer in diffusers' names, with underscores for dots.
 * @param layer such as `input_blocks_4_1_proj_in`; what is in diffusers' names already is returned as it is
 */
export function sgmLayer(layer: string): string {
  const [, side, block, part, rest] =
    /^(input|output)_blocks_(\d+)_(\d+)_(.+)$/.exec(layer) ?? [];
  if (side !== undefined) {
    const i = Number(block) - (side === "input" ? 1 : 0);
    const [stage, within] = [Math.floor(i / 3), i % 3];
    const path =
      side === "input" ? `down_blocks_${stage}` : `up_blocks_${stage}`;
    if (rest === "op") return `${path}_downsamplers_0_conv`;
    if (rest === "conv") return `${path}_upsamplers_0_conv`;
    return part === "0"
      ? `${path}_resnets_${within}_${resnetLayer(rest!)}`
      : `${path}_attentions_${within}_${rest}`;
  }
  const [, middle, inside] = /^middle_block_([012])_(.+)$/.exec(layer) ?? [];
  if (inside === undefined) return layer;
  return middle === "1"
    ? `mid_block_attentions_0_${inside}`
    : `mid_block_resnets_${Number(middle) / 2}_${resnetLayer(inside)}`;
}

function resnetLayer(name: string): string {
  return inResnet.find(([sgm]) => sgm === name)?.[1] ?? name;
}
