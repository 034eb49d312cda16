// Models in ONNX Runtime's QOperator format hand 8-bit values from node to node. Each edge gets a float between: what a
// plan keeps, forecasts or scales is one. A float on the grid of 8-bit values and back is the same value.

import type { NodeProto } from "../onnx/onnx_pb.js";
import { readNodeProto } from "../onnx/onnx_pb.js";
import { create } from "../onnx/wire.js";

/** By operator: the slot of its output's scale; the zero point is the next. */
const scaleSlots: Readonly<Record<string, number>> = {
  QuantizeLinear: 1,
  QLinearConv: 6,
  QLinearMatMul: 6,
  QLinearAdd: 6,
  QLinearMul: 6,
  QGemm: 7,
  QLinearWhere: 7,
  QLinearConcat: 0,
  QLinearSigmoid: 3,
  QLinearLeakyRelu: 3,
  QLinearSoftmax: 3,
  QLinearAveragePool: 3,
  QLinearGlobalAveragePool: 3,
  QLinearReduceMean: 3,
};

/** Operators that move values and change none. */
const moves: ReadonlySet<string> = new Set([
  ...["Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Identity"],
  ...["Slice", "Split", "Gather", "Expand", "Resize", "Pad", "MaxPool"],
]);

/** What an 8-bit value is a multiple of, and which of its numbers stands for zero: names of weights. */
type Grid = readonly [scale: string, zeroPoint: string];

/**
 * The nodes with DequantizeLinear and QuantizeLinear on every edge of 8-bit values. The first is its maker's module's,
 * the second its reader's.
 *
 * @param nodes the graph's nodes, in any order
 */
export function floatEdges(nodes: readonly NodeProto[]): readonly NodeProto[] {
  const edges = gridsOf(nodes);
  const floats = new Map<string, string>();
  for (const { op_type, input, output } of nodes)
    if (op_type === "DequantizeLinear") floats.set(input[0]!, output[0]!);
  return nodes.flatMap((node) => {
    if (node.op_type === "DequantizeLinear") {
      const maker = edges.get(node.input[0]!)?.maker;
      const [made = ""] = node.output;
      return [maker ? { ...node, ...moduleOf(maker, made) } : node];
    }
    const added: NodeProto[] = [];
    const input = node.input.map((value, slot) => {
      const edge = edges.get(value);
      if (!edge) return value;
      const { maker, grid } = edge;
      let float = floats.get(value);
      if (float === undefined) {
        float = `${value}:float`;
        floats.set(value, float);
        added.push(beside(maker, "DequantizeLinear", [value, ...grid], float));
      }
      const read = `${float}:${node.output[0]}:${slot}`;
      added.push(beside(node, "QuantizeLinear", [float, ...grid], read));
      return read;
    });
    return added.length === 0 ? [node] : [...added, { ...node, input }];
  });
}

/** By value: its grid and its maker, for values of 8 bits. */
function gridsOf(nodes: readonly NodeProto[]) {
  const edges = new Map<string, { maker: NodeProto; grid: Grid }>();
  const gridOf = ({ op_type, input }: NodeProto): Grid | undefined => {
    if (moves.has(op_type)) return edges.get(input[0]!)?.grid;
    const slot = scaleSlots[op_type];
    const scale = slot !== undefined && input[slot];
    return scale ? [scale, input[slot + 1] ?? ""] : undefined;
  };
  for (let known = -1; known < edges.size;) {
    known = edges.size;
    for (const maker of nodes) {
      const grid = gridOf(maker);
      if (!grid) continue;
      for (const value of maker.output) edges.set(value, { maker, grid });
    }
  }
  return edges;
}

/** A node of the module that another one is of. */
function beside(
  other: NodeProto,
  op_type: string,
  input: string[],
  made: string,
): NodeProto {
  const own = { op_type, input, output: [made] };
  return create(readNodeProto, { ...own, ...moduleOf(other, made) });
}

/** What puts the node that makes a value into another one's module; names are unique, too. */
function moduleOf({ name, metadata_props }: NodeProto, made: string) {
  const path = name.slice(0, name.lastIndexOf("/") + 1);
  return { name: path && path + made.replaceAll("/", "_"), metadata_props };
}
