// Where a cut goes through a quantised graph: ONNX Runtime computes in integers where a node stands between
// DequantizeLinear and QuantizeLinear, in floats where a cut has taken one of them away, and the two round differently.

import type { Graph } from "../graph.js";
import type { GraphProto } from "../onnx/onnx_pb.js";
import { readNodeProto } from "../onnx/onnx_pb.js";
import { create } from "../onnx/wire.js";

/** The grid that a value lies on: names of weights, one value each. */
export interface Grid {
  /** The distance of two values on it. */
  readonly scale: string;
  /** What stands for zero; its type is the grid's. */
  readonly zeroPoint: string;
}

/** The grid of a value that DequantizeLinear makes of another one; undefined for any other value. */
export function gridOf(graph: Graph, value: string): Grid | undefined {
  const maker = graph.producers.get(value);
  if (maker?.opType !== "DequantizeLinear") return undefined;
  const [quantised, scale = "", zeroPoint = ""] = maker.inputs;
  if (graph.weights.has(quantised!)) return undefined;
  const isOne = (name: string) =>
    graph.weights.get(name)?.dims.every((dim) => dim === 1);
  return isOne(scale) && isOne(zeroPoint) ? { scale, zeroPoint } : undefined;
}

/** Quantises inputs of a segment and takes them back: no value changes, and its readers see the whole graph's nodes. */
export function roundEdges(
  graph: GraphProto,
  inputs: readonly { readonly name: string; readonly grid?: Grid }[],
): void {
  const rounded = inputs.flatMap(({ name, grid }) =>
    grid ? [{ name, ...grid }] : [],
  );
  if (rounded.length === 0) return;
  const names = new Set(rounded.map(({ name }) => name));
  const read = (name: string) => (names.has(name) ? `${name}:grid` : name);
  graph.node = [
    ...rounded.flatMap(({ name, scale, zeroPoint }) => [
      gridNode("QuantizeLinear", [name, scale, zeroPoint], `${name}:integer`),
      gridNode(
        "DequantizeLinear",
        [`${name}:integer`, scale, zeroPoint],
        read(name),
      ),
    ]),
    ...graph.node.map((node) => ({ ...node, input: node.input.map(read) })),
  ];
}

function gridNode(op_type: string, input: string[], output: string) {
  return create(readNodeProto, { op_type, input, output: [output] });
}
