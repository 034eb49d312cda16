// The units of a Unet, with what each is and costs.

import {
  nodeMacs,
  type GraphNode,
  type Unet,
  type Unit,
} from "@phaseskip/graph";
import { learnedNumbers } from "./learned-numbers.js";
import { unitKind } from "./unit-kind.js";

/** What is said of one unit. */
export interface UnitSummary {
  readonly path: string;
  /** The unit around it; "" is the Unet itself. */
  readonly parent: string;
  readonly kind: string;
  /** Shapes of its outputs, null where one is not known; the last one computed is the last. */
  readonly outputs: readonly (readonly number[] | null)[];
  /** Multiply-accumulates of one call. */
  readonly macs: number;
  readonly parameters: number;
  /** The unit that hands over its value, for a skip. */
  readonly from?: string;
}

/** Every unit that a plan can act on, in the graph's order. */
export function summarizeUnits(unet: Unet): UnitSummary[] {
  const { graph, shapes, units } = unet;
  return [...units.units.values()].map((unit) => {
    const { path, parent, outputs, skip } = unit;
    const order = (value: string) => graph.producers.get(value)?.index ?? -1;
    const made = outputs.toSorted((a, b) => order(a) - order(b));
    const producer = skip && graph.producers.get(skip.value);
    return {
      path,
      parent,
      kind: unitKind(path),
      outputs: made.map((value) => shapes.get(value)?.dims ?? null),
      ...costOf(unet, unit.nodes),
      ...(producer && { from: units.unitOf[producer.index]! }),
    };
  });
}

export function costOf({ graph, shapes }: Unet, nodes: readonly GraphNode[]) {
  const weights = new Set(nodes.flatMap(({ inputs }) => inputs));
  let parameters = 0;
  for (const name of weights) {
    const weight = graph.weights.get(name);
    if (weight) parameters += learnedNumbers(weight);
  }
  return {
    macs: nodes.reduce((sum, node) => sum + nodeMacs(node, shapes), 0),
    parameters,
  };
}

/** The part of a path that its parent does not say. */
export function nameIn({
  path,
  parent,
}: Pick<Unit, "path" | "parent">): string {
  return parent !== "" && path.startsWith(parent)
    ? path.slice(parent.length)
    : path;
}
