// Where a network's layers have their weights: exporters keep a layer's name in its weight's, or fold the weight into a
// transposed constant and keep the name in the node's alone.

import type { Graph, GraphNode, Weight } from "@phaseskip/graph";
import { canonicalLayer } from "./lora-key.js";

/** A layer's weight. */
export interface LayerWeight {
  readonly weight: Weight;
  /** Whether it is `[in, out]`; else it is `[out, in, …]`. */
  readonly isTransposed: boolean;
}

/** What stands before a path where the network was wrapped. */
const wrapper =
  /^.*?(?=(down_blocks|up_blocks|mid_block|conv_in|conv_out|time_embedding|add_embedding|encoder\.layers|text_projection)\b)/;

/** The weights of convolutions and linear layers, by the layers' paths. */
export function layerWeights(graph: Graph): ReadonlyMap<string, LayerWeight> {
  const found = new Map<string, LayerWeight>();
  for (const node of graph.nodes) {
    const read = weightOf(graph, node);
    if (!read) continue;
    const { name } = read.weight;
    const path = name.endsWith(".weight")
      ? name.slice(0, -".weight".length)
      : node.scopes.at(-1);
    if (path) found.set(canonicalLayer(path.replace(wrapper, "")), read);
  }
  return found;
}

function weightOf(graph: Graph, node: GraphNode): LayerWeight | undefined {
  if (!["Conv", "Gemm", "MatMul"].includes(node.opType)) return undefined;
  const [, value = ""] = node.inputs;
  const turned = graph.producers.get(value);
  const isTurned = turned?.opType === "Transpose";
  const weight = graph.weights.get(isTurned ? turned.inputs[0]! : value);
  if (!weight) return undefined;
  const isRows =
    node.opType === "Conv" ||
    (node.opType === "Gemm" && node.attributes.get("transB")?.i === 1n);
  return { weight, isTransposed: isRows === isTurned };
}
