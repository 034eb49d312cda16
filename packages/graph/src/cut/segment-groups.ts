// Which nodes become one segment: those that run in the same signatures, joined as far as the graph of
// groups stays without a cycle.

import type { CutEdges } from "./cut-edges.js";
import { Dependency } from "../dependencies.js";
import type { GraphNode } from "../graph.js";
import type { LiveGraph } from "./live.js";
import { nodeMacs } from "../macs.js";
import type { NodeGroup } from "./join-groups.js";
import { joinGroups } from "./join-groups.js";
import type { Unet } from "../unet.js";

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
  const isOnce = computedOnce(unet);
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
    if (bits === Dependency.text && isOnce[index]) return "text";
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
 * By node index: whether a node that depends on the text alone is computed once. What only reshapes or
 * transposes the last product stays with its reader: ONNX Runtime fuses it there, as it does in the whole
 * graph, and so the numbers stay the whole graph's. For that reason, too, a product is quantised where it is made.
 */
function computedOnce({ graph, shapes, dependencies }: Unet): boolean[] {
  const isOnce = new Array<boolean>(graph.nodes.length).fill(false);
  for (const node of graph.nodes.toReversed()) {
    if (dependencies.nodes[node.index] !== Dependency.text) continue;
    const readers = node.outputs.flatMap(
      (made) => graph.consumers.get(made) ?? [],
    );
    const maker = graph.producers.get(node.inputs[0] ?? "");
    const isRounding = node.opType === "QuantizeLinear" && maker !== undefined;
    isOnce[node.index] =
      nodeMacs(node, shapes) > 0 ||
      (isRounding && nodeMacs(maker, shapes) > 0) ||
      readers.some((reader) => isOnce[reader.index]);
  }
  return isOnce;
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
  const levels = levelsOf(unet, edges, keyOf);
  const groups = new Map<string, NodeGroup & { readonly level: number }>();
  for (const node of unet.graph.nodes) {
    const key = keyOf[node.index]!;
    if (key === "") continue;
    const level = levels[node.index]!;
    const name = `${key}#${level}`;
    const group = groups.get(name);
    if (group) group.nodes.push(node);
    else groups.set(name, { key, level, nodes: [node] });
  }
  return [...groups.values()].sort((a, b) => a.level - b.level);
}

/** By node index: the lowest level possible, or for what depends on the text alone, and for roundings, the highest. */
function levelsOf(
  { graph, dependencies }: Unet,
  edges: CutEdges,
  keyOf: readonly string[],
): number[] {
  const levels = new Array<number>(graph.nodes.length).fill(0);
  const highest = new Array<number>(graph.nodes.length).fill(Infinity);
  /** Each edge between two nodes that run: from, to, and by how many levels it must rise. */
  const edgesInto = (node: GraphNode): [from: number, rise: number][] => {
    const key = keyOf[node.index]!;
    if (key === "") return [];
    const producer = (value: string) => {
      const from = graph.producers.get(value)?.index ?? -1;
      return from < 0 || keyOf[from] === "" ? [] : [from];
    };
    const edge = (value: string, slot: number): [number, number][] => {
      const isCut = edges.isCut(value, node, slot);
      return [
        ...producer(value).map((from): [number, number] => [
          from,
          keyOf[from] === key && !isCut ? 0 : 1,
        ]),
        ...(isCut ? edges.standIns(value, node, slot) : [])
          .flatMap(producer)
          .map((from): [number, number] => [from, 1]),
      ];
    };
    return [
      ...node.inputs.flatMap(edge),
      ...node.captured.flatMap((value) => edge(value, -1)),
    ];
  };
  const edgesOf = graph.nodes.map(edgesInto);
  for (const node of graph.nodes) {
    for (const [from, rise] of edgesOf[node.index]!) {
      levels[node.index] = Math.max(levels[node.index]!, levels[from]! + rise);
    }
  }
  // what waits for nothing goes where it is read, so that it ends up in its reader's segment; what rounds for a reader,
  // too: floats go from segment to segment
  for (const node of graph.nodes.toReversed()) {
    const { index } = node;
    const isText =
      dependencies.nodes[index] === Dependency.text && keyOf[index] !== "text";
    const isReaders = isText || node.opType === "QuantizeLinear";
    if (isReaders && highest[index]! < Infinity)
      levels[index] = highest[index]!;
    for (const [from, rise] of edgesOf[index]!) {
      highest[from] = Math.min(highest[from]!, levels[index]! - rise);
    }
  }
  return levels;
}
