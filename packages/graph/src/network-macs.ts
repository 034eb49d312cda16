// What one run of a whole network costs: a text encoder, or one half of a VAE.

import type { Graph } from "./graph.js";
import { nodeMacs } from "./macs.js";
import { inferShapes } from "./shapes/infer.js";

/**
 * Multiply-accumulates of one run of all of a graph's nodes, counted as {@link nodeMacs} does.
 *
 * @param inputDims what each input is fed; an axis that the export fixes keeps its size
 * @throws {PhaseskipError} `model-unsupported` if an operator has no shape rule; `model-invalid` if shapes do not fit
 */
export function networkMacs(
  graph: Graph,
  inputDims: (name: string) => readonly number[],
): number {
  const fed = graph.inputs.map(({ name, dims = [] }) => {
    const wanted = inputDims(name).map((size, axis) => {
      const dim = dims[axis];
      return typeof dim === "number" && dim > 0 ? dim : size;
    });
    return [name, wanted] as const;
  });
  const shapes = inferShapes(graph, new Map(fed));
  return graph.nodes.reduce((sum, node) => sum + nodeMacs(node, shapes), 0);
}
