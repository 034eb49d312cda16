// What a node costs: multiply-accumulates of the operators that multiply weights or matrices.

import type { GraphNode } from "./graph.js";
import { intAttribute } from "./graph.js";
import { elementCount } from "./onnx/tensor.js";
import { einsumTerms } from "./shapes/compute.js";
import type { ValueInfo } from "./shapes/rule.js";

/** What a count looks at: the node, its inputs' shapes by slot, and how many elements it makes. */
interface Counted {
  readonly node: GraphNode;
  readonly dims: (slot: number) => readonly number[];
  readonly output: number;
}

/** A convolution whose weight is at a slot: every element made takes the weight of its channel. */
const conv =
  (slot: number) =>
  ({ dims, output }: Counted): number =>
    output * elementCount(dims(slot).slice(1));

/** A product of the matrix at slot 0 with another: every element made takes a row. */
const product = ({ node, dims, output }: Counted): number =>
  output * (dims(0).at(intAttribute(node, "transA", 0) ? -2 : -1) ?? 1);

const gemm = ({ node, dims, output }: Counted): number =>
  output * (dims(0)[intAttribute(node, "transA", 0) ? 0 : 1] ?? 1);

const einsum = ({ node, dims }: Counted): number => {
  const sizes = new Map<string, number>();
  einsumTerms(node).terms.forEach((term, slot) => {
    [...term].forEach((axis, i) => sizes.set(axis, dims(slot)[i]!));
  });
  return elementCount([...sizes.values()]);
};

/** ONNX's own: queries times keys, and the result times values. */
const attention = ({ node, dims }: Counted): number => {
  const [q, k, v] = [dims(0), dims(1), dims(2)];
  const isHeaded = q.length === 4;
  const heads = isHeaded ? q[1]! : intAttribute(node, "q_num_heads", 1);
  const keys = isHeaded ? k[2]! : k[1]!;
  const queries = isHeaded ? q[2]! : q[1]!;
  const queryWidth = isHeaded ? q[3]! : q[2]! / heads;
  const valueWidth = isHeaded
    ? v[3]!
    : v[2]! / intAttribute(node, "kv_num_heads", heads);
  return q[0]! * heads * queries * keys * (queryWidth + valueWidth);
};

/** The projections of query, key and value, and the attention of a whole sequence to itself. */
const projectedAttention = ({ dims, output }: Counted): number => {
  const [input, weight] = [dims(0), dims(1)];
  const rows = elementCount(input.slice(0, -1));
  const width = rows > 0 ? output / rows : 0;
  const queryWidth = (weight.at(-1)! - width) / 2;
  const keys = (dims(4)[3] ?? 0) + input.at(-2)!;
  return rows * (elementCount(weight) + keys * (queryWidth + width));
};

/** Queries, keys and values as `[batch, length, width]`, or keys and values as heads, or all in one value. */
const headedAttention = ({ dims, output }: Counted): number => {
  const [query, key] = [dims(0), dims(1)];
  const [batch = 1, length = 1] = query;
  const rows = batch * length;
  const width = output / rows;
  const keys = key.length === 0 ? length : key[key.length === 4 ? 2 : 1]!;
  const queryWidth = query.length === 3 && key.length > 0 ? query[2]! : width;
  return rows * (keys + (dims(6)[2] ?? 0)) * (queryWidth + width);
};

/** As many keys as the cache that it hands on holds, or as the sequence is long. */
const groupQueryAttention = ({ dims, output }: Counted): number => {
  const keys = Math.max(dims(3)[2] ?? 0, dims(0)[1] ?? 1);
  return output * keys * 2;
};

/** One product for every element made, with a weight of so many rows. */
const packedProduct = ({ node, output }: Counted): number =>
  output * intAttribute(node, "K", 0);

type Count = (counted: Counted) => number;

/** Counts by operator set, then by operator. */
const counts: Readonly<Record<string, Readonly<Record<string, Count>>>> = {
  "": {
    Conv: conv(1),
    ConvInteger: conv(1),
    QLinearConv: conv(3),
    ConvTranspose: ({ dims }) =>
      elementCount(dims(0)) * elementCount(dims(1).slice(1)),
    MatMul: product,
    MatMulInteger: product,
    QLinearMatMul: product,
    Gemm: gemm,
    Einsum: einsum,
    Attention: attention,
  },
  "com.microsoft": {
    FusedConv: conv(1),
    NhwcConv: conv(1),
    NhwcFusedConv: conv(1),
    QLinearConv: conv(3),
    FusedMatMul: product,
    FusedMatMulActivation: product,
    MatMulIntegerToFloat: product,
    DynamicQuantizeMatMul: product,
    MatMulNBits: packedProduct,
    MatMulBnb4: packedProduct,
    FusedGemm: gemm,
    QGemm: gemm,
    Attention: projectedAttention,
    PackedAttention: projectedAttention,
    QAttention: projectedAttention,
    MultiHeadAttention: headedAttention,
    GroupQueryAttention: groupQueryAttention,
  },
};

/**
 * Multiply-accumulates of one run of a node: convolutions, matrix products and attention, in whatever type;
 * elementwise work and norms count nothing, as in PyTorch's flop counter. 0 where shapes are not known.
 *
 * @param shapes the result of `inferShapes`
 */
export function nodeMacs(
  node: GraphNode,
  shapes: ReadonlyMap<string, ValueInfo>,
): number {
  const count = counts[node.domain]?.[node.opType];
  const made = shapes.get(node.outputs[0] ?? "");
  if (!count || !made) return 0;
  return count({
    node,
    dims: (slot) => shapes.get(node.inputs[slot] ?? "")?.dims ?? [],
    output: elementCount(made.dims),
  });
}
