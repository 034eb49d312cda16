// Shape rules of whole-number arithmetic: int8 as ONNX and ONNX Runtime have it, and 4-bit weights. A scale and
// a zero point travel beside each value, so that the values stand at other slots than in floats.

import type { GraphNode } from "../graph.js";
import { intAttribute, intsAttribute } from "../graph.js";
import { ElementType } from "../onnx/types.js";
import { gemm, matMul, matrixProduct } from "./compute.js";
import { pickRules } from "./pick.js";
import type { ShapeRule, ValueInfo } from "./rule.js";
import { broadcast, positiveAxis, required } from "./rule.js";
import {
  channelsLast,
  channelsSecond,
  convolved,
  pooled,
  pooledWhole,
} from "./window.js";

type Inputs = readonly (ValueInfo | undefined)[];

const { FLOAT, INT32, UINT8 } = ElementType;

/** A rule's shape with the type of another input, or a type given. */
function typed(
  rule: ShapeRule,
  slots: readonly number[],
  type: (inputs: Inputs) => ElementType,
): ShapeRule {
  return (node, inputs, opset) => {
    const [made] = rule(
      node,
      slots.map((slot) => inputs[slot]),
      opset,
    );
    return [{ type: type(inputs), dims: made!.dims }];
  };
}

const typeAt = (slot: number) => (inputs: Inputs) =>
  required(inputs, slot).type;

const quantize: ShapeRule = (node, inputs) => {
  const given = intAttribute(node, "output_dtype", 0);
  const type = given || (inputs[2]?.type ?? UINT8);
  return [{ type, dims: required(inputs, 0).dims }];
};

const dequantize: ShapeRule = (node, inputs) => {
  const given = intAttribute(node, "output_dtype", 0);
  const type = given || required(inputs, 1).type;
  return [{ type, dims: required(inputs, 0).dims }];
};

const dynamicQuantize: ShapeRule = (_, inputs) => [
  { type: UINT8, dims: required(inputs, 0).dims },
  { type: FLOAT, dims: [] },
  { type: UINT8, dims: [] },
];

const convolution: ShapeRule = (node, inputs) => {
  const { type, dims } = required(inputs, 0);
  const weight = required(inputs, 1).dims;
  return [
    { type, dims: inOrder(node, dims, (at) => convolved(node, at, weight)) },
  ];
};

/** A shape worked out with channels second, for a node that may have them last. */
function inOrder(
  node: GraphNode,
  dims: readonly number[],
  work: (dims: readonly number[]) => readonly number[],
): readonly number[] {
  if (!intAttribute(node, "channels_last", 0)) return work(dims);
  return channelsLast(work(channelsSecond(dims)));
}

const pool: ShapeRule = (node, inputs) => {
  const { type, dims } = required(inputs, 0);
  return [{ type, dims: inOrder(node, dims, (at) => pooled(node, at)) }];
};

const globalPool: ShapeRule = (node, inputs) => {
  const { type, dims } = required(inputs, 0);
  return [{ type, dims: inOrder(node, dims, pooledWhole) }];
};

/** The values that are joined come in threes, behind the result's scale and zero point. */
const concat: ShapeRule = (node, inputs, opset) =>
  pickRules.Concat!(
    node,
    inputs.filter((_, slot) => slot >= 2 && slot % 3 === 2),
    opset,
  );

const reduceMean: ShapeRule = (node, inputs) => {
  const { type, dims } = required(inputs, 0);
  const given = intsAttribute(node, "axes") ?? dims.map((_, axis) => axis);
  const axes = given.map((axis) => positiveAxis(axis, dims.length));
  const keeps = intAttribute(node, "keepdims", 1) === 1;
  const kept = dims.flatMap((dim, axis) =>
    !axes.includes(axis) ? [dim] : keeps ? [1] : [],
  );
  return [{ type, dims: kept }];
};

const pair: ShapeRule = (_, inputs) => {
  const [a, b] = [required(inputs, 0), required(inputs, 1)];
  return [{ type: a.type, dims: broadcast(a.dims, b.dims) }];
};

const first: ShapeRule = (_, inputs) => {
  const { type, dims } = required(inputs, 0);
  return [{ type, dims }];
};

/** A product with a weight of `[N, K]` whose elements are packed: its sizes are attributes. */
const packedProduct: ShapeRule = (node, inputs) => {
  const { type, dims } = required(inputs, 0);
  const [inner, columns] = [
    intAttribute(node, "K", 0),
    intAttribute(node, "N", 0),
  ];
  return [{ type, dims: matrixProduct(dims, [inner, columns]) }];
};

/** Rows of a table whose elements are packed into bytes along the last axis. */
const gatherBlocks: ShapeRule = (node, inputs) => {
  const data = required(inputs, 0);
  const packed = data.type === UINT8 ? 8 / intAttribute(node, "bits", 4) : 1;
  const table = [...data.dims.slice(0, -1), data.dims.at(-1)! * packed];
  const axis = positiveAxis(intAttribute(node, "gather_axis", 0), table.length);
  const dims = [
    ...table.slice(0, axis),
    ...required(inputs, 1).dims,
    ...table.slice(axis + 1),
  ];
  return [{ type: required(inputs, 2).type, dims }];
};

/** Weights of query, key and value side by side. */
const attention: ShapeRule = (_, inputs) => {
  const [batch, length] = required(inputs, 0).dims;
  const width = required(inputs, 1).dims.at(-1)! / 3;
  return [{ type: required(inputs, 3).type, dims: [batch!, length!, width] }];
};

const qLinearConv = typed(convolution, [0, 3], typeAt(7));

/** Rules of ONNX's own operators. */
export const quantizedRules: Record<string, ShapeRule> = {
  QuantizeLinear: quantize,
  DequantizeLinear: dequantize,
  DynamicQuantizeLinear: dynamicQuantize,
  MatMulInteger: typed(matMul, [0, 1], () => INT32),
  ConvInteger: typed(convolution, [0, 1], () => INT32),
  QLinearConv: qLinearConv,
  QLinearMatMul: typed(matMul, [0, 3], typeAt(7)),
};

/** Rules of com.microsoft's operators. */
export const microsoftQuantizedRules: Record<string, ShapeRule> = {
  QuantizeLinear: quantize,
  DequantizeLinear: dequantize,
  QLinearConv: qLinearConv,
  QLinearAdd: typed(pair, [0, 3], typeAt(0)),
  QLinearMul: typed(pair, [0, 3], typeAt(0)),
  QLinearSigmoid: first,
  QLinearLeakyRelu: first,
  QLinearSoftmax: first,
  QLinearConcat: concat,
  QLinearAveragePool: pool,
  QLinearGlobalAveragePool: globalPool,
  QLinearReduceMean: reduceMean,
  QLinearWhere: (_, inputs) => {
    const [condition, a, b] = [0, 1, 4].map((slot) => required(inputs, slot));
    const dims = broadcast(condition!.dims, a!.dims, b!.dims);
    return [{ type: a!.type, dims }];
  },
  QGemm: typed(gemm, [0, 3], (inputs) => inputs[8]?.type ?? FLOAT),
  QAttention: attention,
  MatMulIntegerToFloat: typed(matMul, [0, 1], typeAt(2)),
  DynamicQuantizeMatMul: matMul,
  MatMulNBits: packedProduct,
  MatMulBnb4: packedProduct,
  GatherBlockQuantized: gatherBlocks,
};
