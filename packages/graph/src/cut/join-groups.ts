// Joins groups of nodes into as few as the graph and the cuts allow, and puts them in order.

import type { CutEdges } from "./cut-edges.js";
import type { GraphNode } from "../graph.js";
import type { Unet } from "../unet.js";

/** Nodes that run together. */
export interface NodeGroup {
  /** `text`, `timestep`, or the signatures in which it runs. */
  readonly key: string;
  /** In running order. */
  readonly nodes: GraphNode[];
}

/** For each group, the groups that read from it. */
type Links = ReadonlyMap<NodeGroup, ReadonlySet<NodeGroup>>;

/**
 * Joins groups of one key where that leaves the graph of groups without a cycle and cuts whole.
 *
 * @param groups in an order in which they can run
 * @returns the joined groups in an order in which they can run
 */
export function joinGroups(
  unet: Unet,
  edges: CutEdges,
  groups: readonly NodeGroup[],
): NodeGroup[] {
  const { next, cut } = linkGroups(unet, edges, groups);
  const merged: NodeGroup[] = [];
  for (const group of groups) {
    const host = merged.find(
      (other) =>
        other.key === group.key &&
        !cut.get(other)!.has(group) &&
        !cut.get(group)!.has(other) &&
        !reachesAround(next, other, group) &&
        !reachesAround(next, group, other),
    );
    if (!host) {
      merged.push(group);
      continue;
    }
    host.nodes.push(...group.nodes);
    for (const sets of [next, cut]) {
      for (const to of sets.get(group)!) sets.get(host)!.add(to);
      for (const tos of sets.values()) if (tos.delete(group)) tos.add(host);
      sets.get(host)!.delete(host);
      sets.delete(group);
    }
  }
  for (const group of merged) group.nodes.sort((a, b) => a.index - b.index);
  return inRunningOrder(merged, next);
}

/** Which groups read from which, and where an edge between them is cut. */
function linkGroups(unet: Unet, edges: CutEdges, groups: readonly NodeGroup[]) {
  const { graph } = unet;
  const groupOf = new Map<number, NodeGroup>();
  for (const group of groups)
    for (const node of group.nodes) groupOf.set(node.index, group);
  const next = new Map<NodeGroup, Set<NodeGroup>>(
    groups.map((group) => [group, new Set()]),
  );
  const cut = new Map<NodeGroup, Set<NodeGroup>>(
    groups.map((group) => [group, new Set()]),
  );
  for (const node of graph.nodes) {
    const to = groupOf.get(node.index);
    if (!to) continue;
    const link = (value: string, slot: number) => {
      const isCut = edges.isCut(value, node, slot);
      const sources = isCut ? edges.standIns(value, node, slot) : [];
      for (const source of [value, ...sources]) {
        const from = groupOf.get(graph.producers.get(source)?.index ?? -1);
        if (!from || from === to) continue;
        next.get(from)!.add(to);
        if (isCut) cut.get(from)!.add(to);
      }
    };
    node.inputs.forEach(link);
    for (const value of node.captured) link(value, -1);
  }
  return { next, cut };
}

/** Whether a way leads from one group to another through a third. */
function reachesAround(next: Links, from: NodeGroup, to: NodeGroup): boolean {
  const front = [...next.get(from)!].filter((group) => group !== to);
  const seen = new Set(front);
  for (let at = front.pop(); at; at = front.pop()) {
    if (at === to) return true;
    for (const group of next.get(at)!) {
      if (!seen.has(group)) {
        seen.add(group);
        front.push(group);
      }
    }
  }
  return false;
}

function inRunningOrder(
  groups: readonly NodeGroup[],
  next: Links,
): NodeGroup[] {
  const waiting = new Map(groups.map((group) => [group, 0]));
  for (const tos of next.values()) {
    for (const to of tos)
      if (waiting.has(to)) waiting.set(to, waiting.get(to)! + 1);
  }
  const ordered: NodeGroup[] = [];
  const ready = groups.filter((group) => waiting.get(group) === 0);
  for (let group = ready.shift(); group; group = ready.shift()) {
    ordered.push(group);
    for (const to of next.get(group)!) {
      const left = waiting.get(to)! - 1;
      waiting.set(to, left);
      if (left === 0) ready.push(to);
    }
  }
  return ordered;
}
