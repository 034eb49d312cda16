// Shape rules of the operators that do the work: products, norms, reductions, resizing, attention.

import type { GraphNode } from "../graph.js";
import { intAttribute, intsAttribute, stringAttribute } from "../graph.js";
import { elementCount } from "../onnx/tensor.js";
import { ElementType } from "../onnx/types.js";
import type { ShapeRule, ValueInfo } from "./rule.js";
import { broadcast, knownData, positiveAxis, required } from "./rule.js";

/** The shape of a matrix product as NumPy's `matmul` has it. */
export function matrixProduct(
  a: readonly number[],
  b: readonly number[],
): number[] {
  const left = a.length === 1 ? [1, ...a] : a;
  const right = b.length === 1 ? [...b, 1] : b;
  if (left.at(-1) !== right.at(-2))
    throw new Error(`[${a}] and [${b}] cannot be multiplied`);
  const dims = broadcast(left.slice(0, -2), right.slice(0, -2));
  if (a.length > 1) dims.push(left.at(-2)!);
  if (b.length > 1) dims.push(right.at(-1)!);
  return dims;
}

/** A matrix product, either side transposed where an attribute says so. */
export const matMul: ShapeRule = (node, inputs) => {
  const a = required(inputs, 0);
  const b = required(inputs, 1);
  const turned = (dims: readonly number[], attribute: string) =>
    intAttribute(node, attribute, 0)
      ? [...dims.slice(0, -2), dims.at(-1)!, dims.at(-2)!]
      : dims;
  return [
    {
      type: a.type,
      dims: matrixProduct(turned(a.dims, "transA"), turned(b.dims, "transB")),
    },
  ];
};

/** A product of two matrices. */
export const gemm: ShapeRule = (node, inputs) => {
  const a = required(inputs, 0);
  const b = required(inputs, 1);
  const rows = a.dims[intAttribute(node, "transA", 0) ? 1 : 0]!;
  const columns = b.dims[intAttribute(node, "transB", 0) ? 0 : 1]!;
  return [{ type: a.type, dims: [rows, columns] }];
};

/** Characters of an Einsum equation: more than all letters, twice each. */
const longestEquation = 256;

/** The axes of each term and of the result of an `Einsum` equation without an ellipsis. */
export function einsumTerms(node: GraphNode): {
  terms: string[];
  result: string;
} {
  const equation = stringAttribute(node, "equation", "").replaceAll(" ", "");
  if (equation.includes("."))
    throw new Error(`the equation ${equation} has an ellipsis`);
  if (equation.length > longestEquation)
    throw new Error(`an equation of ${equation.length} characters`);
  const [left = "", right] = equation.split("->");
  const once = [...left]
    .filter((c) => c !== "," && left.split(c).length === 2)
    .sort();
  return { terms: left.split(","), result: right ?? once.join("") };
}

const einsum: ShapeRule = (node, inputs) => {
  const { terms, result } = einsumTerms(node);
  const sizes = new Map<string, number>();
  terms.forEach((term, slot) => {
    [...term].forEach((axis, i) =>
      sizes.set(axis, required(inputs, slot).dims[i]!),
    );
  });
  return [
    {
      type: required(inputs, 0).type,
      dims: [...result].map((axis) => sizes.get(axis)!),
    },
  ];
};

/** Norms of the last axes, and what they divided by. */
export const layerNorm: ShapeRule = (node, inputs) => {
  const { type, dims } = required(inputs, 0);
  const axis = positiveAxis(intAttribute(node, "axis", -1), dims.length);
  const reduced: ValueInfo = {
    type: ElementType.FLOAT,
    dims: dims.map((dim, i) => (i < axis ? dim : 1)),
  };
  return [{ type, dims }, reduced, reduced];
};

const batchNorm: ShapeRule = (_, inputs) => {
  const { type, dims } = required(inputs, 0);
  return [{ type, dims }];
};

const reduce: ShapeRule = (node, inputs) => {
  const { type, dims, data } = required(inputs, 0);
  const given =
    intsAttribute(node, "axes") ??
    (inputs[1] ? knownData(inputs, 1) : undefined);
  const keeps = intAttribute(node, "keepdims", 1) === 1;
  if (!given?.length && intAttribute(node, "noop_with_empty_axes", 0))
    return [{ type, dims }];
  const axes = given?.length
    ? given.map((axis) => positiveAxis(axis, dims.length))
    : dims.map((_, i) => i);
  const result = dims.flatMap((dim, axis) =>
    !axes.includes(axis) ? [dim] : keeps ? [1] : [],
  );
  const whole =
    data && axes.length === dims.length
      ? reduceAll(node.opType, data)
      : undefined;
  return [
    { type, dims: result, ...(whole !== undefined && { data: [whole] }) },
  ];
};

function reduceAll(
  operator: string,
  data: readonly number[],
): number | undefined {
  if (operator === "ReduceProd") return elementCount(data);
  if (operator === "ReduceSum") return data.reduce((a, b) => a + b, 0);
  if (operator === "ReduceMax") return Math.max(...data);
  if (operator === "ReduceMin") return Math.min(...data);
  return undefined;
}

const argReduce: ShapeRule = (node, inputs) => {
  const { dims } = required(inputs, 0);
  const axis = positiveAxis(intAttribute(node, "axis", 0), dims.length);
  const keeps = intAttribute(node, "keepdims", 1) === 1;
  return [
    {
      type: ElementType.INT64,
      dims: dims.flatMap((d, i) => (i !== axis ? [d] : keeps ? [1] : [])),
    },
  ];
};

/** `Resize` of operator set 11 on, and of 10 and `Upsample`, whose scales are the second input. */
const resize: ShapeRule = (node, inputs, opset) => {
  const { type, dims } = required(inputs, 0);
  const isOld = node.opType === "Upsample" || opset < 11;
  const scaleSlot = isOld ? 1 : 2;
  const axes = intsAttribute(node, "axes") ?? dims.map((_, axis) => axis);
  const result = [...dims];
  const sizes = !isOld && inputs[3] ? knownData(inputs, 3) : undefined;
  const scales = sizes ? undefined : knownData(inputs, scaleSlot);
  axes.forEach((given, i) => {
    const axis = positiveAxis(given, dims.length);
    result[axis] = sizes ? sizes[i]! : Math.floor(dims[axis]! * scales![i]!);
  });
  return [{ type, dims: result }];
};

/** ONNX's own `Attention` (operator set 23): rank 4, or rank 3 with head counts as attributes. */
const attention: ShapeRule = (node, inputs) => {
  const q = required(inputs, 0);
  const v = required(inputs, 2);
  if (q.dims.length === 4)
    return [{ type: q.type, dims: [...q.dims.slice(0, 3), v.dims[3]!] }];
  const heads = intAttribute(node, "q_num_heads", 1);
  const valueHeads = intAttribute(node, "kv_num_heads", 1);
  return [
    {
      type: q.type,
      dims: [q.dims[0]!, q.dims[1]!, (v.dims[2]! / valueHeads) * heads],
    },
  ];
};

/** Rules by operator. */
export const computeRules: Record<string, ShapeRule> = {
  MatMul: matMul,
  Gemm: gemm,
  Einsum: einsum,
  LayerNormalization: layerNorm,
  SimplifiedLayerNormalization: layerNorm,
  BatchNormalization: batchNorm,
  Resize: resize,
  Upsample: resize,
  Attention: attention,
  ArgMax: argReduce,
  ArgMin: argReduce,
  ...Object.fromEntries(
    [
      "Sum",
      "Mean",
      "Max",
      "Min",
      "Prod",
      "L1",
      "L2",
      "LogSum",
      "LogSumExp",
      "SumSquare",
    ].map((kind) => [`Reduce${kind}`, reduce]),
  ),
};
