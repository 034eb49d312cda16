// Models in ONNX Runtime's QOperator format hand 8-bit values from node to node. Each edge gets a float between: what a
// plan keeps, forecasts or scales is one. Where no cut goes through the edge, a segment is written without.

import type { NodeProto } from "../onnx/onnx_pb.js";
import { readNodeProto } from "../onnx/onnx_pb.js";
import { create } from "../onnx/wire.js";
import { floatSuffix } from "../cut/rounded-edges.js";

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

type Grid = readonly [scale: string, zeroPoint: string];

/**
 * The nodes with DequantizeLinear and QuantizeLinear on every edge of 8-bit values. The first is its maker's module's,
 * the second its reader's.
 *
 * @param nodes the graph's nodes, in running order
 */
export function floatEdges(nodes: readonly NodeProto[]): readonly NodeProto[] {
  const grids = new Map<string, Grid>();
  const makers = new Map<string, NodeProto>();
  for (const node of nodes) {
    const slot = scaleSlots[node.op_type];
    const grid =
      slot === undefined
        ? moves.has(node.op_type) && grids.get(node.input[0]!)
        : ([node.input[slot]!, node.input[slot + 1]!] as const);
    if (!grid) continue;
    for (const value of node.output) {
      grids.set(value, grid);
      makers.set(value, node);
    }
  }
  const floats = new Set<string>();
  return nodes.flatMap((node) => {
    const added: NodeProto[] = [];
    const input = node.input.map((value, slot) => {
      const grid = grids.get(value);
      if (!grid || node.op_type === "DequantizeLinear") return value;
      const float = value + floatSuffix;
      if (!floats.has(value))
        added.push(
          beside(makers.get(value)!, "DequantizeLinear", value, grid, float),
        );
      floats.add(value);
      const read = `${value}:${node.output[0]}:${slot}`;
      added.push(beside(node, "QuantizeLinear", float, grid, read));
      return read;
    });
    return added.length === 0 ? [node] : [...added, { ...node, input }];
  });
}

/** A node of the module that another one is of. */
function beside(
  { name, metadata_props }: NodeProto,
  op_type: string,
  value: string,
  grid: Grid,
  made: string,
): NodeProto {
  const path = name.slice(0, name.lastIndexOf("/") + 1);
  const own = { op_type, name: path && `${path}${made}`, metadata_props };
  return create(readNodeProto, {
    ...own,
    input: [value, ...grid],
    output: [made],
  });
}
