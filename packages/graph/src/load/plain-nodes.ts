// A model's nodes without what only some exports have: local functions, sequences of tensors, products of three.

import type { ModelProto, NodeProto, TensorProto } from "../onnx/onnx_pb.js";
import { nodeScopes } from "../units/scopes.js";

/**
 * The nodes of a model's graph, in any order; what rewrites them is fetched where there is something to rewrite.
 *
 * @param initializers the graph's weights; those that lie elsewhere are not looked at
 * @throws {PhaseskipError} `model-invalid` if a function calls itself, or its calls come to more than could be held
 */
export async function plainNodes(
  model: ModelProto,
  initializers: readonly TensorProto[],
): Promise<readonly NodeProto[]> {
  let nodes: readonly NodeProto[] = model.graph!.node;
  if (model.functions.length > 0) {
    const { inlineFunctions } = await import("./inline-functions.js");
    nodes = inlineFunctions(model);
  }
  if (nodes.some(({ op_type }) => op_type === "SplitToSequence")) {
    const { sliceSequences } = await import("./split-sequences.js");
    nodes = sliceSequences(nodes, initializers);
  }
  if (nodes.some(isNamelessThird)) {
    const { sliceProjections } = await import("./split-projections.js");
    nodes = sliceProjections(nodes, initializers);
  }
  if (nodes.some(({ op_type }) => /^Q(Linear|Gemm)/.test(op_type))) {
    const { floatEdges } = await import("./float-edges.js");
    nodes = floatEdges(nodes);
  }
  return nodes;
}

/** Whether a node may part queries, keys and values that an optimizer made one product of. */
function isNamelessThird(node: NodeProto): boolean {
  const { op_type, output } = node;
  return (
    op_type === "Split" && output.length === 3 && nodeScopes(node).length === 0
  );
}
