// Shape rules of com.microsoft's operators that stand for several of ONNX's own: what ONNX Runtime's optimizers
// and onnxruntime.transformers write.

import type { GraphNode } from "../graph.js";
import { intAttribute, intsAttribute } from "../graph.js";
import { ElementType } from "../onnx/types.js";
import { gemm, layerNorm, matMul } from "./compute.js";
import { same } from "./elementwise.js";
import type { ShapeRule, ValueInfo } from "./rule.js";
import { knownData, required } from "./rule.js";
import { channelsLast, channelsSecond, conv, convolved } from "./window.js";

/** Columns of the value among a weight's columns of query, key and value. */
function valueWidth(node: GraphNode, weight: readonly number[]): number {
  return intsAttribute(node, "qkv_hidden_sizes")?.[2] ?? weight.at(-1)! / 3;
}

/** The projections are inside: input `[batch, length, width]`, or packed without the batch; past values first. */
const attention: ShapeRule = (node, inputs) => {
  const { type, dims } = required(inputs, 0);
  const width = valueWidth(node, required(inputs, 1).dims);
  const result: ValueInfo = { type, dims: [...dims.slice(0, -1), width] };
  if (!node.outputs[1]) return [result];
  const heads = intAttribute(node, "num_heads", 1);
  const total = (inputs[4]?.dims[3] ?? 0) + dims[1]!;
  const present = [2, dims[0]!, heads, total, width / heads];
  return [result, { type, dims: present }];
};

/** Query `[batch, length, width]`, or one value of all three; keys and values beside it, or as heads. */
const multiHeadAttention: ShapeRule = (node, inputs) => {
  const { type, dims: query } = required(inputs, 0);
  const heads = intAttribute(node, "num_heads", 1);
  const [key, value] = [inputs[1]?.dims, inputs[2]?.dims];
  const [batch = 1, length = 1] = query;
  const width =
    query.length === 5
      ? heads * query[4]!
      : (value ?? key)!.length === 3
        ? value!.at(-1)!
        : heads * (value ?? key)!.at(-1)!;
  const keys = key ? key[key.length === 4 ? 2 : 1]! : length;
  const past = inputs[6]?.dims[2] ?? 0;
  const present = (inner: number): ValueInfo => ({
    type,
    dims: [batch, heads, past + keys, inner],
  });
  const queryWidth = query.length === 5 ? query[4]! : query[2]! / heads;
  return [
    { type, dims: [batch, length, width] },
    present(queryWidth),
    present(width / heads),
  ];
};

/** Query `[tokens, width]`, or `[tokens, head, 3, width]` of all three. */
const packedMultiHeadAttention: ShapeRule = (_, inputs) => {
  const { type, dims } = required(inputs, 0);
  const width = inputs[2]?.dims.at(-1) ?? dims[1]! * dims.at(-1)!;
  return [{ type, dims: [dims[0]!, width] }];
};

/** Several query heads for each head of keys and values; all three may come as one. */
const groupQueryAttention: ShapeRule = (node, inputs) => {
  const { type, dims } = required(inputs, 0);
  const [batch = 1, length = 1, width = 1] = dims;
  const heads = intAttribute(node, "num_heads", 1);
  const keyHeads = intAttribute(node, "kv_num_heads", 1);
  const isPacked = !inputs[1];
  const head = width / (isPacked ? heads + 2 * keyHeads : heads);
  const result: ValueInfo = { type, dims: [batch, length, heads * head] };
  if (!node.outputs[1] && !node.outputs[2]) return [result];
  const [total = 0] = knownData(inputs, 6);
  const kept = Math.max(total, inputs[3]?.dims[2] ?? 0);
  const present = { type, dims: [batch, keyHeads, kept, head] };
  return [result, present, present];
};

/** The sum, its norm, and between them what only training reads. */
const skipNorm: ShapeRule = (_, inputs) => {
  const { type, dims } = required(inputs, 0);
  const reduced: ValueInfo = {
    type: ElementType.FLOAT,
    dims: [...dims.slice(0, -1), 1],
  };
  return [{ type, dims }, reduced, reduced, { type, dims }];
};

const skipGroupNorm: ShapeRule = (_, inputs) => {
  const { type, dims } = required(inputs, 0);
  return [
    { type, dims },
    { type, dims },
  ];
};

const embedNorm: ShapeRule = (_, inputs) => {
  const [batch = 1, length = 1] = required(inputs, 0).dims;
  const { type, dims } = required(inputs, 2);
  const embedded: ValueInfo = { type, dims: [batch, length, dims[1]!] };
  const mask: ValueInfo = { type: ElementType.INT32, dims: [batch] };
  return [embedded, mask, embedded];
};

/** One half times the other's GELU. */
const splitGelu: ShapeRule = (_, inputs) => {
  const { type, dims } = required(inputs, 0);
  return [{ type, dims: [...dims.slice(0, -1), dims.at(-1)! / 2] }];
};

/** Feature maps with channels last; tools write the weight as `[out, in, height, width]`, or with the channels last, too. */
const nhwcConv: ShapeRule = (node, inputs) => {
  const { type, dims } = required(inputs, 0);
  const weight = required(inputs, 1).dims;
  const channels = dims.at(-1)! / intAttribute(node, "group", 1);
  const kernel = weight[1] === channels ? weight : channelsSecond(weight);
  const made = convolved(node, channelsSecond(dims), kernel);
  return [{ type, dims: channelsLast(made) }];
};

/** Rules by operator. */
export const fusedRules: Record<string, ShapeRule> = {
  Attention: attention,
  PackedAttention: attention,
  MultiHeadAttention: multiHeadAttention,
  PackedMultiHeadAttention: packedMultiHeadAttention,
  GroupQueryAttention: groupQueryAttention,
  SkipLayerNormalization: skipNorm,
  SkipSimplifiedLayerNormalization: skipNorm,
  SkipGroupNorm: skipGroupNorm,
  EmbedLayerNormalization: embedNorm,
  BiasSplitGelu: splitGelu,
  FusedConv: conv,
  NhwcConv: nhwcConv,
  NhwcFusedConv: nhwcConv,
  FusedMatMul: matMul,
  FusedMatMulActivation: matMul,
  FusedGemm: gemm,
  SimplifiedLayerNormalization: layerNorm,
  ...Object.fromEntries(
    [
      ...["Gelu", "BiasGelu", "FastGelu", "QuickGelu", "GroupNorm", "BiasAdd"],
      ...["RotaryEmbedding", "BiasSoftmax", "Trilu"],
    ].map((operator) => [operator, same]),
  ),
};
