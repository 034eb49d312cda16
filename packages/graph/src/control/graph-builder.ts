// Nodes and constants of our own beside those of a file.

import type { GraphNode, Weight } from "../graph.js";
import type { AttributeProto } from "../onnx/onnx_pb.js";
import {
  AttributeProtoAttributeType,
  readAttributeProto,
  readNodeProto,
} from "../onnx/onnx_pb.js";
import { elementCount, valuesTensor } from "../onnx/tensor.js";
import type { ElementType } from "../onnx/types.js";
import { elementSize } from "../onnx/types.js";
import { create } from "../onnx/wire.js";

/** Gathers what is added to a graph. */
export class GraphBuilder {
  /** In an order in which they can run. */
  readonly nodes: Omit<GraphNode, "index">[] = [];
  readonly weights = new Map<string, Weight>();

  /**
   * Adds a node with one output.
   * @param scopes the modules around it, outermost first
   * @param attributes whole numbers
   * @returns the output's name
   */
  add(
    opType: string,
    inputs: readonly string[],
    output: string,
    scopes: readonly string[],
    attributes: Readonly<Record<string, number>> = {},
  ): string {
    const node = ownNode(opType, inputs, output, scopes, attributes);
    this.nodes.push(node);
    return output;
  }

  /** Adds a constant; returns its name. */
  constant(
    name: string,
    type: ElementType,
    dims: readonly number[],
    values: readonly number[],
  ): string {
    const data = valuesTensor(name, type, dims, values);
    const byteLength = elementCount(dims) * elementSize(type)!;
    this.weights.set(name, { name, type, dims, byteLength, data });
    return name;
  }
}

/** A node with one output, and whole numbers as attributes. */
export function ownNode(
  opType: string,
  inputs: readonly string[],
  output: string,
  scopes: readonly string[],
  attributes: Readonly<Record<string, number>> = {},
): Omit<GraphNode, "index"> {
  const attribute = Object.entries(attributes).map(
    ([name, i]): AttributeProto =>
      create(readAttributeProto, {
        name,
        i,
        type: AttributeProtoAttributeType.INT,
      }),
  );
  const proto = create(readNodeProto, { op_type: opType, attribute });
  return {
    opType,
    domain: "",
    inputs,
    captured: [],
    outputs: [output],
    attributes: new Map(attribute.map((one) => [one.name, one])),
    scopes,
    proto,
  };
}
