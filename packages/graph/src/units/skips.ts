// Skip connections: joins along the channels of a value with another that was made from it, far away.

import type { Dependencies } from "../dependencies.js";
import { Dependency } from "../dependencies.js";
import type { Graph, GraphNode } from "../graph.js";
import { intAttribute, valuesRead } from "../graph.js";
import { positiveAxis } from "../shapes/rule.js";
import type { ValueInfo } from "../shapes/rule.js";

/** A skip connection, at the place where it enters its consumer. */
export interface Skip {
  /** Its unit's path, such as `up_blocks.2.resnets.0.skip`. */
  readonly path: string;
  /** The concatenation that it enters; one of 8-bit values by way of what rounds for it. */
  readonly reader: GraphNode;
  /** Which of its inputs it is. */
  readonly slot: number;
  /** The value that it hands over. */
  readonly value: string;
}

/**
 * Finds the skips of a graph, without names: concatenations along the channels of two feature maps, one
 * of which was made from the other. In the order of their readers.
 */
export function findSkips(
  graph: Graph,
  shapes: ReadonlyMap<string, ValueInfo>,
  dependencies: Dependencies,
): Omit<Skip, "path">[] {
  const skips: Omit<Skip, "path">[] = [];
  for (const node of graph.nodes) {
    if (!(dependencies.nodes[node.index]! & Dependency.sample)) continue;
    const slots = joinedSlots(node);
    if (slots.length !== 2 || !joinsChannels(node, shapes)) continue;
    for (const [i, slot] of [...slots.entries()].reverse()) {
      const other = node.inputs[slots[1 - i]!]!;
      const value = node.inputs[slot]!;
      if (
        [value, ...joined(graph, value)].some((one) =>
          isMadeFrom(graph, other, rounded(graph, one)),
        )
      ) {
        skips.push({ reader: node, slot, value });
        break;
      }
    }
  }
  return skips;
}

/** Where a skip that enters a concatenation of 8-bit values is still a float. */
export function floatEdge<E extends Omit<Skip, "path">>(
  graph: Graph,
  edge: E,
): E {
  const reader = graph.producers.get(edge.value);
  return reader?.opType === "QuantizeLinear"
    ? { ...edge, reader, slot: 0, value: reader.inputs[0]! }
    : edge;
}

/** Which inputs a concatenation joins; quantised ones have a scale and a zero point beside each. */
function joinedSlots({ opType, inputs }: GraphNode): number[] {
  if (opType === "Concat") return inputs.map((_, slot) => slot);
  if (opType !== "QLinearConcat") return [];
  return inputs.flatMap((_, slot) => (slot % 3 === 2 ? [slot] : []));
}

/** Whether a concatenation joins the channels of feature maps. */
function joinsChannels(
  node: GraphNode,
  shapes: ReadonlyMap<string, ValueInfo>,
): boolean {
  const axis = intAttribute(node, "axis", 0);
  const dims = shapes.get(node.outputs[0]!)?.dims;
  if (!dims) return axis === 1;
  return dims.length >= 3 && positiveAxis(axis, dims.length) === 1;
}

/** The value that a value is but for its rounding to whole numbers and back: each reader may have its own. */
function rounded(graph: Graph, value: string): string {
  const producer = graph.producers.get(value);
  if (!producer || !isRounding(producer)) return value;
  return rounded(graph, producer.inputs[0]!);
}

/** What a value is but for what ControlNets add to it. */
function joined(graph: Graph, value: string): readonly string[] {
  const producer = graph.producers.get(value);
  if (producer?.opType !== "Add") return [];
  const isOpen = producer.inputs.some((summand) =>
    graph.inputs.some(({ name }) => name === summand),
  );
  return producer.isJoint || isOpen ? producer.inputs : [];
}

/** Whether a node only turns floats into whole numbers, or those back. */
export function isRounding({ opType }: GraphNode): boolean {
  return /^(Dynamic|De)?[Qq]uantizeLinear$/.test(opType);
}

/** Whether `value` is computed from `source`. */
function isMadeFrom(graph: Graph, value: string, source: string): boolean {
  const first = graph.producers.get(source)?.index ?? -1;
  const front = [value];
  const seen = new Set(front);
  for (let at = front.pop(); at !== undefined; at = front.pop()) {
    const producer = graph.producers.get(at);
    // nodes stand in running order: what comes before the source's producer cannot be made from it
    if (!producer || producer.index <= first) continue;
    for (const read of valuesRead(producer)) {
      if (read === source) return true;
      if (!seen.has(read)) {
        seen.add(read);
        front.push(read);
      }
    }
  }
  return false;
}
