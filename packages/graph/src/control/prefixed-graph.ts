// A graph whose names are its own, so that it can stand beside another one in one graph.

import { renameCaptured } from "../cut/bodies.js";
import type { Graph, GraphNode, Weight } from "../graph.js";

/** A graph under another name. */
export interface PrefixedGraph {
  readonly nodes: readonly Omit<GraphNode, "index">[];
  readonly weights: ReadonlyMap<string, Weight>;
  /** What a value of the graph is called. */
  readonly nameOf: (value: string) => string;
}

/**
 * Puts a name before everything that a graph names; its modules become parts of a module of that name.
 *
 * @param graph the graph
 * @param name such as `controlnet`
 * @param file the graph's file in the model's folder
 * @param modulePrefix what a wrapper around the other graph puts before its modules, such as `unet.`
 * @param ownPrefix what a wrapper around this one does
 */
export function prefixedGraph(
  graph: Graph,
  name: string,
  file: string,
  modulePrefix: string,
  ownPrefix: string,
): PrefixedGraph {
  const nameOf = (value: string) => (value === "" ? "" : `${name}/${value}`);
  const folder = file.slice(0, file.lastIndexOf("/") + 1);
  const root = modulePrefix + name;
  const nodes = graph.nodes.map((node) => {
    const names = new Map(node.captured.map((value) => [value, nameOf(value)]));
    const attribute = node.proto.attribute.map((one) =>
      renameCaptured(one, names),
    );
    const inside = node.scopes
      .filter((scope) => scope.startsWith(ownPrefix) && scope !== ownPrefix)
      .map((scope) => `${root}.${scope.slice(ownPrefix.length)}`);
    return {
      ...node,
      inputs: node.inputs.map(nameOf),
      captured: node.captured.map(nameOf),
      outputs: node.outputs.map(nameOf),
      attributes: new Map(attribute.map((one) => [one.name, one])),
      scopes: [root, ...inside],
      proto: { ...node.proto, name: nameOf(node.proto.name), attribute },
    };
  });
  const weights = [...graph.weights].map(([key, weight]) => {
    const { data } = weight;
    const isInside = "data_type" in data;
    const path = isInside
      ? ""
      : folder + (data.location || file.slice(folder.length));
    const moved: Weight = {
      ...weight,
      name: nameOf(key),
      data: isInside ? data : { ...data, path },
    };
    return [nameOf(key), moved] as const;
  });
  return { nodes, weights: new Map(weights), nameOf };
}
