// Sequences of tensors, which some exports make where a module chunks a tensor, written as slices: then
// every value of a graph is a tensor, and has a shape.

import type { NodeProto, TensorProto } from "../onnx/onnx_pb.js";
import { readAttributeProto, readNodeProto } from "../onnx/onnx_pb.js";
import { elementCount, tensorValues, valuesTensor } from "../onnx/tensor.js";
import { ElementType } from "../onnx/types.js";
import { create } from "../onnx/wire.js";

/**
 * Each `SequenceAt` of a `SplitToSequence` with known lengths as a `Slice` of what was split. Others are
 * left as they are.
 *
 * @param nodes the graph's nodes, in any order
 * @param initializers the graph's weights; those that lie elsewhere are not looked at
 */
export function sliceSequences(
  nodes: readonly NodeProto[],
  initializers: readonly TensorProto[],
): NodeProto[] {
  const splits = new Map<string, NodeProto>();
  for (const node of nodes) {
    if (node.op_type === "SplitToSequence") splits.set(node.output[0]!, node);
  }
  if (splits.size === 0) return [...nodes];
  const constants = new Map<string, TensorProto>();
  for (const tensor of initializers) constants.set(tensor.name, tensor);
  for (const { op_type, attribute, output } of nodes) {
    const tensor = attribute[0]?.t;
    if (op_type === "Constant" && tensor) constants.set(output[0]!, tensor);
  }
  const integers = (name: string | undefined): number[] | undefined => {
    const tensor = constants.get(name ?? "");
    if (!tensor || elementCount(tensor.dims.map(Number)) > 256)
      return undefined;
    const { INT32, INT64 } = ElementType;
    if (tensor.data_type !== INT32 && tensor.data_type !== INT64)
      return undefined;
    const values = tensorValues(tensor);
    return values.length > 0 ? values : undefined;
  };
  const sliced = nodes.flatMap((node) => {
    const [sequence = "", position] = node.input;
    const split = splits.get(sequence);
    if (!split || node.op_type !== "SequenceAt") return [node];
    const lengths = integers(split.input[1]);
    const [at] = integers(position) ?? [];
    if (!lengths || at === undefined || at < 0) return [node];
    const isEven = constants.get(split.input[1]!)!.dims.length === 0;
    const start = isEven ? at * lengths[0]! : sum(lengths.slice(0, at));
    const end = start + (isEven ? lengths[0]! : (lengths[at] ?? 0));
    const axis = split.attribute.find(({ name }) => name === "axis")?.i ?? 0;
    return slice(node, split.input[0]!, Number(axis), start, end);
  });
  const read = new Set(sliced.flatMap(({ input }) => input));
  return sliced.filter(
    ({ op_type, output }) =>
      op_type !== "SplitToSequence" || read.has(output[0]!),
  );
}

/** A node's output as a `Slice` of a value along one axis, with its bounds before it. */
export function slice(
  at: NodeProto,
  value: string,
  axis: number,
  start: number,
  end: number,
): NodeProto[] {
  const output = at.output[0]!;
  const bounds = { starts: start, ends: end, axes: axis };
  const constants = Object.entries(bounds).map(([name, number]) => {
    const t = valuesTensor("", ElementType.INT64, [1], [number]);
    const value = create(readAttributeProto, { name: "value", t });
    return create(readNodeProto, {
      op_type: "Constant",
      output: [`${output}/${name}`],
      attribute: [value],
    });
  });
  const names = constants.map((constant) => constant.output[0]!);
  const input = [value, ...names];
  return [...constants, { ...at, op_type: "Slice", input, attribute: [] }];
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
