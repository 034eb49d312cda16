// The table of docs/lora.md, row by row.

import { describe, expect, test } from "vitest";
import { loraKey } from "../../src/lora/lora-key.js";
import { loraAlpha, noteConfig } from "../../src/lora/lora-alpha.js";
import { addProduct, readProduct } from "../../src/lora/add-product.js";
import type { SafeTensor } from "../../src/lora/safetensors.js";

const attention = "down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q";
const dotted = "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q";
const query = "encoder_layers_0_self_attn_q_proj";

describe("loraKey()", () => {
  test.each([
    [`lora_unet_${attention}.lora_down.weight`, "unet", attention, "down"],
    [`lora_unet_${attention}.lora_up.weight`, "unet", attention, "up"],
    [`lora_unet_${attention}.lora_mid.weight`, "unet", attention, "mid"],
    [`lora_unet_${attention}.alpha`, "unet", attention, "alpha"],
    [
      "lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_up.weight",
      ...["text_encoder", query, "up"],
    ],
    [
      "lora_te1_text_model_encoder_layers_0_self_attn_q_proj.alpha",
      ...["text_encoder", query, "alpha"],
    ],
    [
      "lora_te2_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight",
      ...["text_encoder_2", query, "down"],
    ],
    [`unet.${dotted}.lora_A.weight`, "unet", attention, "down"],
    [`unet.${dotted}.lora_B.weight`, "unet", attention, "up"],
    [`unet.${dotted}.lora.down.weight`, "unet", attention, "down"],
    [
      `unet.${dotted.replace(".to_q", ".processor.to_q_lora.up.weight")}`,
      ...["unet", attention, "up"],
    ],
    [
      `unet.${dotted.replace(".to_q", ".processor.to_out_lora.up.weight")}`,
      ...["unet", attention.replace("to_q", "to_out_0"), "up"],
    ],
    [
      "text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_linear_layer.down.weight",
      ...["text_encoder", query, "down"],
    ],
    [`base_model.model.${dotted}.lora_A.weight`, "unet", attention, "down"],
    [
      `base_model.model.${dotted}.lora_A.default.weight`,
      ...["unet", attention, "down"],
    ],
    [
      "base_model.model.text_model.encoder.layers.0.self_attn.q_proj.lora_B.weight",
      ...["text_encoder", query, "up"],
    ],
    [
      "lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_out_0.lora_up.weight",
      ...[
        "unet",
        "down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_out_0",
      ],
      "up",
    ],
    [
      "lora_unet_input_blocks_3_0_op.alpha",
      ...["unet", "down_blocks_0_downsamplers_0_conv", "alpha"],
    ],
    [
      "lora_unet_input_blocks_8_0_emb_layers_1.lora_up.weight",
      ...["unet", "down_blocks_2_resnets_1_time_emb_proj", "up"],
    ],
    [
      "lora_unet_middle_block_1_proj_in.lora_up.weight",
      ...["unet", "mid_block_attentions_0_proj_in", "up"],
    ],
    [
      "lora_unet_middle_block_2_in_layers_2.lora_up.weight",
      ...["unet", "mid_block_resnets_1_conv1", "up"],
    ],
    [
      "lora_unet_output_blocks_5_2_conv.lora_up.weight",
      ...["unet", "up_blocks_1_upsamplers_0_conv", "up"],
    ],
    [
      "lora_unet_output_blocks_8_0_skip_connection.lora_up.weight",
      ...["unet", "up_blocks_2_resnets_2_conv_shortcut", "up"],
    ],
  ])("reads %s", (name, part, layer, role) => {
    expect(loraKey(name)).toEqual({ part, layer, role });
  });

  test.each([
    "lycoris_down_blocks_0.lora_up.weight",
    `unet.${dotted}.weight`,
    "lora_unet_x.lora_up.bias",
  ])("does not know %s", (name) => expect(loraKey(name)).toBeUndefined());
});

describe("loraAlpha()", () => {
  const alpha = (config?: Record<string, unknown>, given?: number) =>
    loraAlpha(config, "unet", attention, 4, given);

  test("is the rank where nothing is said, else what lies beside the matrices", () => {
    expect(alpha()).toBe(1);
    expect(alpha(undefined, 2)).toBe(0.5);
    expect(alpha({ lora_alpha: 8 }, 2)).toBe(0.5);
  });

  test("is what diffusers or PEFT noted, a layer's own before all layers'", () => {
    expect(alpha({ "unet.lora_alpha": 8, "text_encoder.lora_alpha": 3 })).toBe(
      2,
    );
    expect(alpha({ lora_alpha: 8, alpha_pattern: { "attn1.to_q": 2 } })).toBe(
      0.5,
    );
    expect(alpha({ lora_alpha: 8, alpha_pattern: { "attn2.to_q": 2 } })).toBe(
      2,
    );
    expect(alpha({ lora_alpha: 8, use_rslora: true })).toBe(4);
    const lora_adapter_metadata = JSON.stringify({ "unet.lora_alpha": 16 });
    expect(alpha(noteConfig({ lora_adapter_metadata }))).toBe(4);
  });
});

/** A tensor of small whole numbers. */
function tensor(...shape: number[]): SafeTensor {
  const length = shape.reduce((a, b) => a * b, 1);
  const data = Float32Array.from({ length }, (_, i) => ((7 * i) % 5) - 2);
  return { shape, read: async () => data };
}

describe("addProduct()", () => {
  test("adds up · down to rows, or to columns", async () => {
    const product = await readProduct({
      ...{ up: tensor(3, 2), down: tensor(2, 4), mid: undefined, scale: 1 },
    });
    const { up, down } = product;
    const rows = new Float32Array(12);
    addProduct(rows, product, 0.5, false);
    const columns = new Float32Array(12);
    addProduct(columns, product, 0.5, true);
    for (let out = 0; out < 3; out++) {
      for (let i = 0; i < 4; i++) {
        const sum = up[2 * out]! * down[i]! + up[2 * out + 1]! * down[4 + i]!;
        expect(rows[4 * out + i]).toBeCloseTo(0.5 * sum);
        expect(columns[3 * i + out]).toBeCloseTo(0.5 * sum);
      }
    }
  });

  test("puts LoCon's convolution between", async () => {
    const layer = {
      ...{ up: tensor(3, 2, 1, 1), down: tensor(2, 4, 1, 1) },
      ...{ mid: tensor(2, 2, 3, 3), scale: 1 },
    };
    const weight = new Float32Array(3 * 4 * 9);
    addProduct(weight, await readProduct(layer), 1, false);
    const [up, down, mid] = await Promise.all(
      [layer.up, layer.down, layer.mid].map((one) => one.read()),
    );
    for (let out = 0; out < 3; out++)
      for (let i = 0; i < 4; i++)
        for (let k = 0; k < 9; k++) {
          let sum = 0;
          for (let a = 0; a < 2; a++)
            for (let b = 0; b < 2; b++)
              sum +=
                up![2 * out + a]! *
                mid![(2 * a + b) * 9 + k]! *
                down![4 * b + i]!;
          expect(weight[(out * 4 + i) * 9 + k]).toBeCloseTo(sum);
        }
  });
});
