// A graph that computes in float32 between float16 edges.

import type { GraphProto, NodeProto } from "../onnx/onnx_pb.js";
import {
  AttributeProtoAttributeType,
  readAttributeProto,
  readNodeProto,
} from "../onnx/onnx_pb.js";
import { ElementType } from "../onnx/types.js";
import { create } from "../onnx/wire.js";

/** Puts a cast at every float16 input and output of a graph whose nodes and weights are float32. */
export function castEdges(graph: GraphProto): void {
  const half = (values: GraphProto["input"]) =>
    values.flatMap(({ name, type }) =>
      type?.tensor_type?.elem_type === ElementType.FLOAT16 ? [name] : [],
    );
  const inputs = half(graph.input);
  const outputs = half(graph.output);
  const edges = new Set([...inputs, ...outputs]);
  const wide = (name: string) => (edges.has(name) ? `${name}:float32` : name);
  const nodes = graph.node.map((node) => ({
    ...node,
    input: node.input.map(wide),
    output: node.output.map(wide),
  }));
  graph.node = [
    ...inputs.map((name) => castNode(name, wide(name), ElementType.FLOAT)),
    ...nodes,
    ...outputs.map((name) => castNode(wide(name), name, ElementType.FLOAT16)),
  ];
}

/** A node that casts a value to a type. */
export function castNode(
  from: string,
  to: string,
  type: ElementType,
): NodeProto {
  const attribute = create(readAttributeProto, {
    name: "to",
    type: AttributeProtoAttributeType.INT,
    i: type,
  });
  return create(readNodeProto, {
    op_type: "Cast",
    input: [from],
    output: [to],
    attribute: [attribute],
  });
}
