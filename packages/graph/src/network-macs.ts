// What one run of a whole network costs and holds: a text encoder, or one half of a VAE.

import type { Graph } from "./graph.js";
import { nodeMacs } from "./macs.js";
import { elementCount } from "./onnx/tensor.js";
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
  const shapes = shapesFed(graph, inputDims);
  return graph.nodes.reduce((sum, node) => sum + nodeMacs(node, shapes), 0);
}

/**
 * Elements of the largest value that one run of all of a graph's nodes makes.
 *
 * @param inputDims what each input is fed; an axis that the export fixes keeps its size
 * @throws {PhaseskipError} `model-unsupported` if an operator has no shape rule; `model-invalid` if shapes do not fit
 */
export function largestValue(
  graph: Graph,
  inputDims: (name: string) => readonly number[],
): number {
  const shapes = shapesFed(graph, inputDims);
  return graph.nodes
    .flatMap(({ outputs }) => outputs)
    .reduce((most, value) => {
      const dims = shapes.get(value)?.dims;
      return dims ? Math.max(most, elementCount(dims)) : most;
    }, 0);
}

function shapesFed(
  graph: Graph,
  inputDims: (name: string) => readonly number[],
) {
  const fed = graph.inputs.map(({ name, dims = [] }) => {
    const wanted = inputDims(name).map((size, axis) => {
      const dim = dims[axis];
      return typeof dim === "number" && dim > 0 ? dim : size;
    });
    return [name, wanted] as const;
  });
  return inferShapes(graph, new Map(fed));
}
