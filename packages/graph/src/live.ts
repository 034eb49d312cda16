// What runs at one step: walking back from the output, stopping at what is reused or zeroed.

import { Dependency } from "./dependencies.js";
import type { GraphNode } from "./graph.js";
import type { Unet } from "./unet.js";

/** What a unit hands on at a step: its computed value, its cached one, or zeros. */
export type PortState = "fresh" | "cache" | "zero";

/** One output of one unit, where an action takes hold. */
export interface Port {
  /** The unit's path. */
  readonly unit: string;
  /** The value's name in the graph. */
  readonly value: string;
}

/** The part of a Unet that is alive at one step. */
export interface LiveGraph {
  /** By node index: whether it runs. Nodes that depend on shapes alone are not counted. */
  readonly isLive: readonly boolean[];
  /** Every port of an acted-on unit that is reached, by `portKey`. */
  readonly ports: ReadonlyMap<string, Port & { readonly state: PortState }>;
}

/** A port's name, unique in a Unet. */
export function portKey({ value, unit }: Port): string {
  return `${value}@${unit}`;
}

/**
 * The part of the Unet that a step needs.
 *
 * @param unet the Unet
 * @param acted paths of the units that have an action
 * @param decide asked once for each port that is reached, outer units before the inner ones they hide
 */
export function liveGraph(
  unet: Unet,
  acted: ReadonlySet<string>,
  decide: (port: Port) => PortState,
): LiveGraph {
  const { graph, dependencies, units } = unet;
  const isLive = new Array<boolean>(graph.nodes.length).fill(false);
  const ports = new Map<string, Port & { state: PortState }>();
  const front: GraphNode[] = [];
  const reach = (
    value: string,
    reader: GraphNode | undefined,
    slot: number,
  ) => {
    const producer = graph.producers.get(value);
    if (producer && dependencies.isFolded[producer.index]) return;
    if ((dependencies.values.get(value) ?? 0) & Dependency.sample) {
      for (const unit of units.unitsBetween(value, reader, slot).toReversed()) {
        if (!acted.has(unit)) continue;
        const port = { unit, value };
        const known = ports.get(portKey(port));
        const state = known?.state ?? decide(port);
        if (!known) ports.set(portKey(port), { ...port, state });
        if (state !== "fresh") return;
      }
    }
    if (!producer || isLive[producer.index]) return;
    isLive[producer.index] = true;
    front.push(producer);
  };
  for (const output of graph.outputs) reach(output.name, undefined, -1);
  for (let node = front.pop(); node; node = front.pop()) {
    for (const [slot, value] of node.inputs.entries()) reach(value, node, slot);
    for (const value of node.captured) reach(value, node, -1);
  }
  return { isLive, ports };
}
