// Where an addition that closes a residual branch belongs: to the module around the whole branch.

import type { Dependencies } from "../dependencies.js";
import { Dependency } from "../dependencies.js";
import type { Graph, GraphNode } from "../graph.js";
import { valuesRead } from "../graph.js";

/**
 * The modules around an addition of two values: those that all of the branch has in common, where one summand was made
 * from the other; else those that what made the two has in common.
 *
 * @param scopes what is known so far, by node index, outermost first
 */
export function branchScopes(
  graph: Graph,
  dependencies: Dependencies,
  node: GraphNode,
  scopes: readonly (readonly string[])[],
): readonly string[] {
  const summands = node.inputs
    .filter(
      (value) => (dependencies.values.get(value) ?? 0) & Dependency.sample,
    )
    .map((value) => resampled(graph, value));
  if (summands.length !== 2) return [];
  const [a, b] = summands as [string, string];
  const branch = between(graph, a, b) ?? between(graph, b, a);
  const parts = branch ?? summands.flatMap((value) => nearest(value));
  const named = parts
    .map(({ index }) => scopes[index]!)
    .filter((chain) => chain.length > 0);
  const [first = [], ...rest] = named;
  return first.filter((path) => rest.every((chain) => chain.includes(path)));

  /** The nearest nodes before a value whose modules are known. */
  function nearest(value: string): readonly GraphNode[] {
    const producer = graph.producers.get(value);
    if (!producer) return [];
    const isKnown = scopes[producer.index]!.length > 0;
    return isKnown ? [producer] : nearest(producer.inputs[0] ?? "");
  }
}

/** What a value was before its sides were halved or doubled without weights: a shortcut is no branch of its own. */
function resampled(graph: Graph, value: string): string {
  const producer = graph.producers.get(value);
  return producer && isResampling(producer) ? producer.inputs[0]! : value;
}

/** Whether a node only halves or doubles the sides. */
export function isResampling({ opType }: GraphNode): boolean {
  return opType === "AveragePool" || opType === "Resize";
}

/** The nodes that lead from one value to another; undefined where none do. */
function between(
  graph: Graph,
  from: string,
  to: string,
): readonly GraphNode[] | undefined {
  const first = graph.producers.get(from)?.index ?? -1;
  const leads = new Map<string, boolean>([[from, true]]);
  const nodes = new Set<GraphNode>();
  const reach = (value: string): boolean => {
    const known = leads.get(value);
    if (known !== undefined) return known;
    leads.set(value, false);
    const producer = graph.producers.get(value);
    // nodes stand in running order
    if (!producer || producer.index <= first) return false;
    let isOnTheWay = false;
    for (const read of valuesRead(producer)) if (reach(read)) isOnTheWay = true;
    if (isOnTheWay) nodes.add(producer);
    leads.set(value, isOnTheWay);
    return isOnTheWay;
  };
  return reach(to) ? [...nodes] : undefined;
}
