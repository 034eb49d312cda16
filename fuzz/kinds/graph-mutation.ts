// What a mutation of a graph is, and the choices that several make.

import type {
  GraphProto,
  ModelProto,
} from "../../packages/graph/src/onnx/onnx_pb.js";
import type { Random } from "../random.js";

/** Changes one thing of a graph in place. */
export type Mutation = (
  graph: GraphProto,
  random: Random,
  model: ModelProto,
) => void;

/** Sizes that an axis may be said to have. */
export const sizes = [0, -1, 1, 2, 3, 7, 2 ** 20, 2 ** 31, 2 ** 40, -(2 ** 40)];

/** The name of a value that a node reads or makes, or of a weight. */
export function anyValue(graph: GraphProto, random: Random): string {
  const node = random.pick(graph.node);
  const names = [
    ...node.output,
    ...node.input,
    ...graph.initializer.slice(0, 9).map((t) => t.name),
  ];
  return names.length > 0 ? random.pick(names) : "";
}
