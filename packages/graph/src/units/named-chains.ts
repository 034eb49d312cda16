// Which modules each node belongs to, by the names that exporters leave.

import type { Dependencies } from "../dependencies.js";
import { Dependency } from "../dependencies.js";
import type { Graph, GraphNode } from "../graph.js";

/**
 * Module paths by node index; a node that an optimizer left without a name belongs to what the nearest
 * named nodes before and after it have in common.
 *
 * @param scopes by node index, outermost first
 */
export function namedChains(
  graph: Graph,
  dependencies: Dependencies,
  prefix: string,
  scopes: readonly (readonly string[])[],
): string[][] {
  const isSignal = ({ index }: GraphNode) =>
    dependencies.nodes[index]! & Dependency.sample;
  const isLost = (node: GraphNode) =>
    scopes[node.index]!.length === 0 && isSignal(node);
  const chains = graph.nodes.map((node) =>
    scopes[node.index]!.filter(
      (scope) => scope.startsWith(prefix) && scope.length > prefix.length,
    ).map((scope) => scope.slice(prefix.length)),
  );
  const nearest = (
    nodes: readonly GraphNode[],
    neighbours: (node: GraphNode) => readonly GraphNode[],
  ) => {
    const found: (readonly string[] | undefined)[] = [];
    for (const node of nodes) {
      if (!isLost(node)) continue;
      for (const other of neighbours(node)) {
        if (!isSignal(other)) continue;
        const chain = isLost(other) ? found[other.index] : chains[other.index];
        found[node.index] = shared(found[node.index], chain);
      }
    }
    return found;
  };
  const before = nearest(graph.nodes, (node) =>
    node.inputs.flatMap((value) => graph.producers.get(value) ?? []),
  );
  const after = nearest([...graph.nodes].reverse(), (node) =>
    node.outputs.flatMap((value) => graph.consumers.get(value) ?? []),
  );
  for (const node of graph.nodes) {
    if (isLost(node))
      chains[node.index] = [
        ...(shared(before[node.index], after[node.index]) ?? []),
      ];
  }
  return chains;
}

/** What two chains, outermost first, have in common; undefined is no chain at all. */
function shared(
  a: readonly string[] | undefined,
  b: readonly string[] | undefined,
) {
  if (!a || !b) return a ?? b;
  const end = a.findIndex((path, i) => path !== b[i]);
  return end < 0 ? a : a.slice(0, end);
}
