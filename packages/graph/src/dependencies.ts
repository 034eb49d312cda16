// What each value of the graph depends on: a run's constants are computed once, not once per step.

import type { Graph, GraphNode } from "./graph.js";
import { valuesRead } from "./graph.js";
import type { ValueInfo } from "./shapes/rule.js";

/** What a value depends on, as bits; `text` is whatever stays the same for a whole run, `sample` what differs at each step. */
export const Dependency = {
  nothing: 0,
  text: 1,
  timestep: 2,
  sample: 4,
} as const;

/** Bits of `Dependency`, such as `Dependency.text | Dependency.timestep`. */
export type DependencyBits = number;

/** What every value and every node of a graph depends on. */
export interface Dependencies {
  /** Bits by value; a value that is missing depends on nothing. */
  readonly values: ReadonlyMap<string, DependencyBits>;
  /** Bits by node index. */
  readonly nodes: readonly DependencyBits[];
  /** By node index: all its outputs follow from shapes and constants alone, so that it never runs. */
  readonly isFolded: readonly boolean[];
}

/**
 * Finds what every value depends on. Shapes are known before anything runs, so a value made of shapes
 * depends on nothing, and a timestep that is expanded by the sample's shape stays a timestep. What has no known
 * shape counts as made of the sample.
 *
 * @param graph the graph
 * @param shapes the result of `inferShapes`
 * @param changes whether an input beside sample and timestep differs from step to step
 */
export function findDependencies(
  graph: Graph,
  shapes: ReadonlyMap<string, ValueInfo>,
  changes: (input: string) => boolean,
): Dependencies {
  const inputBits = (name: string): DependencyBits => {
    if (name === "timestep") return Dependency.timestep;
    const isStep = name === "sample" || changes(name);
    return isStep ? Dependency.sample : Dependency.text;
  };
  const values = new Map<string, DependencyBits>(
    graph.inputs.map((input) => [input.name, inputBits(input.name)]),
  );
  const nodes: DependencyBits[] = [];
  const isFolded: boolean[] = [];
  for (const node of graph.nodes) {
    const folded = isKnown(node, shapes);
    let bits: DependencyBits = Dependency.nothing;
    if (!folded)
      for (const value of valuesRead(node)) bits |= values.get(value) ?? 0;
    // what no shape is known of stays with the steps: nothing can be handed on from elsewhere
    if (node.outputs.some((output) => output && !shapes.has(output)))
      bits |= Dependency.sample;
    for (const output of node.outputs) if (output) values.set(output, bits);
    nodes.push(bits);
    isFolded.push(folded);
  }
  return { values, nodes, isFolded };
}

function isKnown(
  node: GraphNode,
  shapes: ReadonlyMap<string, ValueInfo>,
): boolean {
  return node.outputs.every(
    (output) => output === "" || shapes.get(output)?.data !== undefined,
  );
}
