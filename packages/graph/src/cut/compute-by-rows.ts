// Writes attention by rows: slices of the queries, each with its own copy of the nodes, joined at the end.

import type { AttentionRows } from "./attention-rows.js";
import type { GraphNode } from "../graph.js";
import type { NodeProto, TensorProto } from "../onnx/onnx_pb.js";
import {
  AttributeProtoAttributeType,
  readAttributeProto,
  readNodeProto,
} from "../onnx/onnx_pb.js";
import { valuesTensor } from "../onnx/tensor.js";
import { ElementType } from "../onnx/types.js";
import { create } from "../onnx/wire.js";

/** Nodes, and the constants that they need. */
export interface NodesByRows {
  /** In running order. */
  readonly nodes: readonly NodeProto[];
  /** Where slices begin and end. */
  readonly constants: readonly TensorProto[];
}

/** The end of the last slice, whatever the size. */
const toTheEnd = 2 ** 31 - 1;
/** Rows are the last axis but one. */
const rowAxis = -2;

/**
 * A segment's nodes with attention computed by rows. Each element is computed from the same numbers as before.
 *
 * @param nodes the segment's nodes, and each as it is written in the segment
 */
export function computeByRows(
  nodes: readonly (readonly [GraphNode, NodeProto])[],
  attention: readonly AttentionRows[],
): NodesByRows {
  const written = new Map(nodes);
  const parts = new Map<GraphNode, AttentionRows | undefined>();
  for (const one of attention) {
    for (const node of one.nodes) parts.set(node, undefined);
    parts.set(one.nodes.at(-1)!, one);
  }
  const constants = new Map<string, TensorProto>();
  const constant = (value: number) => {
    const name = `rows:${value}`;
    const tensor = valuesTensor(name, ElementType.INT64, [1], [value]);
    constants.set(name, tensor);
    return name;
  };
  const result = nodes.flatMap(([node, proto]) => {
    if (!parts.has(node)) return [proto];
    const whole = parts.get(node);
    if (!whole) return [];
    return sliced(
      whole,
      whole.nodes.map((one) => written.get(one)!),
      constant,
    );
  });
  return { nodes: result, constants: [...constants.values()] };
}

function sliced(
  { tokens, rows }: AttentionRows,
  protos: readonly NodeProto[],
  constant: (value: number) => string,
): NodeProto[] {
  const [first, last] = [protos[0]!, protos.at(-1)!];
  const [query] = first.input;
  const [output] = last.output;
  const made = new Set(protos.flatMap((proto) => proto.output));
  const result: NodeProto[] = [];
  const joined: string[] = [];
  for (let start = 0; start < tokens; start += rows) {
    const end = start + rows < tokens ? start + rows : toTheEnd;
    const own = (value: string) =>
      made.has(value) && value !== "" ? `${value}:rows${start}` : value;
    const slice = `${output}:queries${start}`;
    result.push(
      create(readNodeProto, {
        op_type: "Slice",
        input: [query!, constant(start), constant(end), constant(rowAxis)],
        output: [slice],
      }),
    );
    for (const proto of protos) {
      const input = proto.input.map(own);
      if (proto === first) input[0] = slice;
      result.push({
        ...proto,
        name: proto.name && `${proto.name}:rows${start}`,
        input,
        output: proto.output.map(own),
      });
    }
    joined.push(own(output!));
  }
  const axis = create(readAttributeProto, {
    name: "axis",
    type: AttributeProtoAttributeType.INT,
    i: rowAxis,
  });
  result.push(
    create(readNodeProto, {
      op_type: "Concat",
      input: joined,
      output: [output!],
      attribute: [axis],
    }),
  );
  return result;
}
