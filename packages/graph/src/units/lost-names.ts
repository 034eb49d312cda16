// Whether a graph has nodes without their modules' names; what finds these again is fetched for such graphs alone.

import type { Graph } from "../graph.js";
import type * as Names from "./find-names.js";
import { wrapperPrefix } from "./scopes.js";

/** Finds names again: from weights, and from the graph's shape. */
export type NameFinder = typeof Names;

let finder: NameFinder | undefined;

/** What finds names again, once a graph has lacked some; undefined before. */
export function nameFinder(): NameFinder | undefined {
  return finder;
}

/**
 * Fetches what finds names again: where nodes on the sample's way have none, or none that a Unet's modules have.
 */
export async function learnNames(
  graph: Pick<Graph, "nodes" | "inputs">,
): Promise<void> {
  if (!finder && hasLost(graph)) finder = await import("./find-names.js");
}

/** Nodes whose result is no more of their inputs than their sizes. */
const readsSizes: ReadonlySet<string> = new Set(["Shape", "Size"]);

function hasLost({ nodes, inputs }: Pick<Graph, "nodes" | "inputs">): boolean {
  if (wrapperPrefix(nodes.flatMap(({ scopes }) => scopes)) === undefined)
    return true;
  const signal = new Set(inputs.map(({ name }) => name));
  for (const { opType, inputs, captured, outputs, scopes } of nodes) {
    const reads = [...inputs, ...captured].some((value) => signal.has(value));
    if (!reads || readsSizes.has(opType)) continue;
    if (scopes.length === 0) return true;
    for (const value of outputs) signal.add(value);
  }
  return false;
}
