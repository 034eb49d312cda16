// Queries, keys and values that an optimizer made one product of, each cut out by a node of its own: then each is a
// unit as it was before.

import type { NodeProto, TensorProto } from "../onnx/onnx_pb.js";
import { elementCount, tensorValues } from "../onnx/tensor.js";
import { nodeScopes } from "../units/scopes.js";
import { slice } from "./split-sequences.js";

/**
 * Each nameless `Split` of a product in three of known lengths as three `Slice`s. Others are left as they are.
 *
 * @param nodes the graph's nodes, in any order
 * @param initializers the graph's weights; those that lie elsewhere are not looked at
 */
export function sliceProjections(
  nodes: readonly NodeProto[],
  initializers: readonly TensorProto[],
): readonly NodeProto[] {
  const thirds = nodes.filter(
    (node) =>
      node.op_type === "Split" &&
      node.output.length === 3 &&
      nodeScopes(node).length === 0,
  );
  if (thirds.length === 0) return nodes;
  const products = new Set<string>();
  for (const { op_type, output } of nodes)
    if (op_type === "MatMul" || op_type === "Gemm") products.add(output[0]!);
  const constants = new Map(
    initializers.map((tensor) => [tensor.name, tensor]),
  );
  const sliced = new Map<NodeProto, readonly NodeProto[]>();
  for (const split of thirds) {
    const lengths = constants.get(split.input[1] ?? "");
    const isKnown = lengths && elementCount(lengths.dims.map(Number)) === 3;
    if (!isKnown || !products.has(split.input[0]!)) continue;
    const axis = split.attribute.find(({ name }) => name === "axis")?.i ?? 0;
    let start = 0;
    const slices = tensorValues(lengths).flatMap((length, i) => {
      // without its name, which only one node may have
      const at = { ...split, name: "", output: [split.output[i]!] };
      const from = start;
      start += length;
      return slice(at, split.input[0]!, Number(axis), from, start);
    });
    sliced.set(split, slices);
  }
  return nodes.flatMap((node) => sliced.get(node) ?? [node]);
}
