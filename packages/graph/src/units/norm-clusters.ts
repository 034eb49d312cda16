// Norms and activations that exporters write as several nodes, found by their form.

import type { Graph, GraphNode } from "../graph.js";

const whole = new Set(["GroupNormalization", "GroupNorm", "SkipGroupNorm"]);

/**
 * Nodes of group norms, by index: an `InstanceNormalization` between two reshapes, then a factor and a summand for each
 * channel; or one operator.
 */
export function groupNorms(graph: Graph): ReadonlySet<number> {
  const found = new Set<number>();
  for (const node of graph.nodes) {
    if (whole.has(node.opType)) found.add(node.index);
    if (node.opType !== "InstanceNormalization") continue;
    found.add(node.index);
    const reshape = graph.producers.get(node.inputs[0]!);
    if (reshape?.opType === "Reshape") found.add(reshape.index);
    let at: GraphNode | undefined = node;
    for (const opType of ["Reshape", "Mul", "Add"]) {
      const [only, ...more]: readonly GraphNode[] =
        graph.consumers.get(at.outputs[0]!) ?? [];
      if (only?.opType !== opType || more.length > 0) break;
      found.add(only.index);
      at = only;
    }
  }
  return found;
}

/** Whether a node is part of `x · sigmoid(x)`, or all of it. */
export function isSwishPart(graph: Graph, node: GraphNode): boolean {
  switch (node.opType) {
    case "Swish":
    case "QuickGelu":
      return true;
    case "Sigmoid":
      return (graph.consumers.get(node.outputs[0]!) ?? []).some((reader) =>
        isSwishPart(graph, reader),
      );
    case "Mul": {
      const [a = "", b = ""] = node.inputs;
      const isGated = (gate: string, value: string) => {
        const sigmoid = graph.producers.get(gate);
        return sigmoid?.opType === "Sigmoid" && sigmoid.inputs[0] === value;
      };
      return isGated(a, b) || isGated(b, a);
    }
    default:
      return false;
  }
}
