// What a unit works on, and what it adds to it.

import type { Edge } from "./unit.js";
import type { Dependencies } from "../dependencies.js";
import { Dependency } from "../dependencies.js";
import type { Graph, GraphNode } from "../graph.js";
import { valuesRead } from "../graph.js";
import type { Unit, Units } from "./unit.js";

const residualSuffix = ":residual";

/** What a unit's residual is called among the units between a value and its reader. */
export function residualPath(unit: string): string {
  return unit + residualSuffix;
}

/** The unit whose residual is called so; undefined for any other path. */
export function residualOwner(path: string): string | undefined {
  return path.endsWith(residualSuffix)
    ? path.slice(0, -residualSuffix.length)
    : undefined;
}

/**
 * Finds a unit's main input: the `sample`-dependent value, not a skip, that enters it and reaches its output
 * by the fewest nodes. Undefined if nothing enters it.
 */
export function findMainInput(
  { nodes, outputs }: Pick<Unit, "nodes" | "outputs">,
  graph: Graph,
  dependencies: Dependencies,
  unitsBetween: Units["unitsBetween"],
): Edge | undefined {
  const inside = new Set(nodes.map((node) => node.index));
  let front = outputs.map((output) => graph.producers.get(output)!);
  const seen = new Set(front);
  while (front.length > 0) {
    const next: GraphNode[] = [];
    for (const node of front) {
      for (const value of valuesRead(node)) {
        const bits = dependencies.values.get(value) ?? 0;
        if (!(bits & Dependency.sample)) continue;
        const edge = { value, reader: node, slot: node.inputs.indexOf(value) };
        const around = unitsBetween(value, node, edge.slot);
        if (around.at(-1)?.endsWith(".skip")) continue;
        const producer = graph.producers.get(value);
        if (!producer || !inside.has(producer.index)) return edge;
        if (!seen.has(producer)) {
          seen.add(producer);
          next.push(producer);
        }
      }
    }
    front = next;
  }
  return undefined;
}

/** What a shortcut is made of where it is more than a wire: a convolution, and what halves or doubles the sides. */
const shortcuts = new Set(["Conv", "AveragePool", "Resize"]);

/**
 * Finds where what a unit adds to its main input enters the last addition: if the unit's one output is that
 * addition, times or over a constant, and the other summand is the main input or a shortcut of it.
 */
export function findResidual(
  { nodes, outputs }: Pick<Unit, "nodes" | "outputs">,
  main: Edge | undefined,
  graph: Graph,
  dependencies: Dependencies,
): Edge | undefined {
  const inside = new Set(nodes.map((node) => node.index));
  const producerInside = (value: string) => {
    const producer = graph.producers.get(value);
    return producer && inside.has(producer.index) ? producer : undefined;
  };
  const bits = (value: string) => dependencies.values.get(value) ?? 0;
  const isConstant = (value: string) => bits(value) === Dependency.nothing;
  const isShortcut = (value: string): boolean => {
    if (value === main?.value) return true;
    const producer = producerInside(value);
    return (
      producer !== undefined &&
      shortcuts.has(producer.opType) &&
      isShortcut(producer.inputs[0]!)
    );
  };
  const [output, ...more] = outputs;
  if (!main || output === undefined || more.length > 0) return undefined;
  let last = producerInside(output);
  while (last?.opType === "Mul" || last?.opType === "Div") {
    const [a = "", b = ""] = last.inputs;
    if (isConstant(b)) last = producerInside(a);
    else if (isConstant(a) && last.opType === "Mul") last = producerInside(b);
    else return undefined;
  }
  if (last?.opType !== "Add") return undefined;
  const [a = "", b = ""] = last.inputs;
  // of two summands that could be the shortcut, the main input itself is it
  const shortcut =
    [a, b].find((value) => value === main.value) ?? [a, b].find(isShortcut);
  if (shortcut === undefined || a === b) return undefined;
  const slot = shortcut === a ? 1 : 0;
  const value = last.inputs[slot]!;
  return bits(value) & Dependency.sample && producerInside(value)
    ? { value, reader: last, slot }
    : undefined;
}
