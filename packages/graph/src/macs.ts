// What a node costs: multiply-accumulates of the operators that multiply weights or matrices.

import type { GraphNode } from "./graph.js";
import { intAttribute } from "./graph.js";
import { elementCount } from "./onnx/tensor.js";
import { einsumTerms } from "./shapes/compute.js";
import type { ValueInfo } from "./shapes/rule.js";

/**
 * Multiply-accumulates of one run of a node: convolutions, matrix products and attention; elementwise
 * work and norms count nothing, as in PyTorch's flop counter.
 *
 * @param shapes the result of `inferShapes`
 */
export function nodeMacs(
  node: GraphNode,
  shapes: ReadonlyMap<string, ValueInfo>,
): number {
  const dims = (slot: number) =>
    shapes.get(node.inputs[slot] ?? "")?.dims ?? [];
  const output = elementCount(shapes.get(node.outputs[0]!)?.dims ?? [0]);
  switch (node.opType) {
    case "Conv":
    case "FusedConv":
      return output * elementCount(dims(1).slice(1));
    case "ConvTranspose":
      return elementCount(dims(0)) * elementCount(dims(1).slice(1));
    case "MatMul":
    case "FusedMatMul":
      return (
        output * (dims(0).at(intAttribute(node, "transA", 0) ? -2 : -1) ?? 1)
      );
    case "Gemm":
      return output * (dims(0)[intAttribute(node, "transA", 0) ? 0 : 1] ?? 1);
    case "Einsum": {
      const sizes = new Map<string, number>();
      einsumTerms(node).terms.forEach((term, slot) => {
        [...term].forEach((axis, i) => sizes.set(axis, dims(slot)[i]!));
      });
      return elementCount([...sizes.values()]);
    }
    case "Attention": {
      const [q, k, v] = [dims(0), dims(1), dims(2)];
      const isHeaded = q.length === 4;
      const heads = isHeaded ? q[1]! : intAttribute(node, "q_num_heads", 1);
      const keys = isHeaded ? k[2]! : k[1]!;
      const queries = isHeaded ? q[2]! : q[1]!;
      const queryWidth = isHeaded ? q[3]! : q[2]! / heads;
      const valueWidth = isHeaded
        ? v[3]!
        : v[2]! / intAttribute(node, "kv_num_heads", heads);
      return q[0]! * heads * queries * keys * (queryWidth + valueWidth);
    }
    default:
      return 0;
  }
}
