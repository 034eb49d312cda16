// Which nodes become one segment: those that run in the same signatures, joined as far as the graph of
// groups stays without a cycle.

import type { CutEdges } from "./cut-edges.js";
import { Dependency } from "./dependencies.js";
import type { GraphNode } from "./graph.js";
import type { LiveGraph } from "./live.js";
import type { NodeGroup } from "./join-groups.js";
import { joinGroups } from "./join-groups.js";
import type { Unet } from "./unet.js";

/**
 * Groups the nodes of a Unet that run in any of the given signatures, in an order in which they can run.
 *
 * @param maxSegmentBytes weights per group, in bytes; a single node may exceed it
 */
export function segmentGroups(
  unet: Unet,
  signatures: readonly LiveGraph[],
  edges: CutEdges,
  maxSegmentBytes: number,
): NodeGroup[] {
  const keyOf = runsIn(unet, signatures, maxSegmentBytes);
  return joinGroups(unet, edges, levelGroups(unet, edges, keyOf));
}

/** By node index: the set of signatures that a node runs in, as text; "" where it runs in none. */
function runsIn(
  unet: Unet,
  signatures: readonly LiveGraph[],
  maxSegmentBytes: number,
): string[] {
  const { graph, dependencies } = unet;
  const parts = new Map<string, { part: number; bytes: number }>();
  const held = new Set<string>();
  return graph.nodes.map((node) => {
    const { index } = node;
    const bits = dependencies.nodes[index]!;
    if (dependencies.isFolded[index] || bits === Dependency.nothing) return "";
    const live = signatures.flatMap(({ isLive }, i) =>
      isLive[index] ? [i] : [],
    );
    if (live.length === 0) return "";
    if (bits === Dependency.text) return "text";
    if (bits === Dependency.timestep) return "timestep";
    const key = live.join(",");
    const filled = parts.get(key) ?? { part: 0, bytes: 0 };
    parts.set(key, filled);
    const own = newWeightBytes(node);
    if (filled.bytes > 0 && filled.bytes + own > maxSegmentBytes) {
      filled.part++;
      filled.bytes = 0;
    }
    filled.bytes += own;
    return `${key}/${filled.part}`;
  });

  function newWeightBytes(node: GraphNode): number {
    let bytes = 0;
    for (const value of node.inputs) {
      const weight = graph.weights.get(value);
      if (!weight || held.has(value)) continue;
      held.add(value);
      bytes += weight.byteLength;
    }
    return bytes;
  }
}

/**
 * Nodes of one key and one level, where every edge that leaves a group leads to a higher level: so the
 * groups' graph has no cycle.
 */
function levelGroups(
  unet: Unet,
  edges: CutEdges,
  keyOf: readonly string[],
): NodeGroup[] {
  const { graph } = unet;
  const levels = new Array<number>(graph.nodes.length).fill(0);
  const groups = new Map<string, NodeGroup & { readonly level: number }>();
  for (const node of graph.nodes) {
    const key = keyOf[node.index]!;
    if (key === "") continue;
    let level = 0;
    const follow = (value: string, slot: number) => {
      const producer = graph.producers.get(value);
      if (!producer || keyOf[producer.index] === "") return;
      const from = keyOf[producer.index]!;
      const joins = from === key && !edges.isCut(value, node, slot);
      level = Math.max(level, levels[producer.index]! + (joins ? 0 : 1));
    };
    node.inputs.forEach(follow);
    for (const value of node.captured) follow(value, -1);
    levels[node.index] = level;
    const name = `${key}#${level}`;
    const group = groups.get(name);
    if (group) group.nodes.push(node);
    else groups.set(name, { key, level, nodes: [node] });
  }
  return [...groups.values()].sort((a, b) => a.level - b.level);
}
