// Cuts a Unet into segments: parts that every signature either runs whole or leaves out whole.

import { Dependency } from "./dependencies.js";
import type { GraphNode } from "./graph.js";
import type { LiveGraph } from "./live.js";
import { portKey } from "./live.js";
import type { Unet } from "./unet.js";

/** What a segment reads from outside. */
export interface SegmentInput {
  /** Its name inside the segment. */
  readonly name: string;
  /** The graph's value behind it. */
  readonly value: string;
  /** Units whose actions it sees, innermost first; empty where it is always the computed value. */
  readonly units: readonly string[];
}

/** A part of the graph; one session. */
export interface Segment {
  /** Equal for segments of the same Unet that are interchangeable. */
  readonly key: string;
  /** How often it runs: once per prompt and context, once per timestep, or at steps that need it. */
  readonly kind: "text" | "timestep" | "step";
  /** In running order. */
  readonly nodes: readonly GraphNode[];
  readonly inputs: readonly SegmentInput[];
  /** Values read that follow from shapes alone; constants, or fed where they change with the size. */
  readonly folded: readonly string[];
  /** Values handed to other segments, to caches, or out. */
  readonly outputs: readonly string[];
  /** Names of the weights it holds. */
  readonly weights: readonly string[];
}

/** A Unet cut into segments, in an order in which they can run. */
export interface Partition {
  readonly segments: readonly Segment[];
}

/**
 * Cuts a Unet so that each of the given live graphs is made of whole segments.
 *
 * @param unet the Unet
 * @param signatures the distinct live graphs of a run, or of several runs
 * @param maxSegmentBytes weights per segment, in bytes; a single node may exceed it. @default Infinity
 */
export function partition(
  unet: Unet,
  signatures: readonly LiveGraph[],
  maxSegmentBytes = Infinity,
): Partition {
  const { graph, dependencies } = unet;
  const edges = new EdgeNames(unet, signatures);
  const keyOf = runsIn(unet, signatures, maxSegmentBytes);
  const groups = mergeGroups(unet, edges, levelGroups(unet, edges, keyOf));
  const segmentOf = new Map<number, number>();
  groups.forEach((group, i) => {
    for (const node of group.nodes) segmentOf.set(node.index, i);
  });
  const outputs = exportedValues();
  return {
    segments: groups.map(({ key, nodes }) => {
      const all = withConstants(unet, nodes);
      const reads = segmentReads(all);
      const made = new Set(nodes.flatMap((node) => node.outputs));
      const out = [...made].filter((value) => outputs.has(value));
      const kind = key === "text" || key === "timestep" ? key : "step";
      const identity = [nodes.map((node) => node.index), reads.inputs.map((input) => input.name), out];
      return { key: JSON.stringify(identity), kind, nodes: all, outputs: out, ...reads };
    }),
  };

  function exportedValues(): Set<string> {
    const exported = new Set(graph.outputs.map((output) => output.name));
    for (const { ports } of signatures) {
      for (const { state, value } of ports.values()) if (state === "cache") exported.add(value);
    }
    for (const node of graph.nodes) {
      node.inputs.forEach((value, slot) => {
        const from = segmentOf.get(graph.producers.get(value)?.index ?? -1);
        const to = segmentOf.get(node.index);
        if (from === undefined || to === undefined) return;
        if (from !== to || edges.isCut(value, node, slot)) exported.add(value);
      });
      for (const value of node.captured) {
        const from = segmentOf.get(graph.producers.get(value)?.index ?? -1);
        if (from !== undefined && from !== segmentOf.get(node.index)) exported.add(value);
      }
    }
    return exported;
  }

  function segmentReads(nodes: readonly GraphNode[]) {
    const inputs = new Map<string, SegmentInput>();
    const folded = new Set<string>();
    const weights = new Set<string>();
    const inside = new Set(nodes.map((node) => node.index));
    const read = (value: string, node: GraphNode, slot: number) => {
      if (value === "") return;
      const producer = graph.producers.get(value);
      if (graph.weights.has(value)) weights.add(value);
      else if (producer && dependencies.isFolded[producer.index]) folded.add(value);
      else {
        const units = edges.units(value, node, slot);
        const isOutside = !producer || !inside.has(producer.index);
        if (units.length === 0 && !isOutside) return;
        const name = edges.name(value, units);
        inputs.set(name, { name, value, units });
      }
    };
    for (const node of nodes) {
      node.inputs.forEach((value, slot) => read(value, node, slot));
      for (const value of node.captured) read(value, node, -1);
    }
    return { inputs: [...inputs.values()], folded: [...folded], weights: [...weights] };
  }
}

/** Which edges are cut because their source differs between signatures, and what they are called. */
class EdgeNames {
  readonly #unet: Unet;
  /** Ports that hand on something else than the computed value in at least one signature. */
  readonly #acting = new Set<string>();

  constructor(unet: Unet, signatures: readonly LiveGraph[]) {
    this.#unet = unet;
    for (const { ports } of signatures) {
      for (const [key, port] of ports) if (port.state !== "fresh") this.#acting.add(key);
    }
  }

  /** The acting units between a value and its reader, innermost first. */
  units(value: string, reader: GraphNode, slot: number): readonly string[] {
    if (!((this.#unet.dependencies.values.get(value) ?? 0) & Dependency.sample)) return [];
    return this.#unet.units
      .unitsBetween(value, reader, slot)
      .filter((unit) => this.#acting.has(portKey({ unit, value })));
  }

  isCut(value: string, reader: GraphNode, slot: number): boolean {
    return this.units(value, reader, slot).length > 0;
  }

  name(value: string, units: readonly string[]): string {
    return units.length === 0 ? value : portKey({ value, unit: units.at(-1)! });
  }
}

interface Group {
  readonly key: string;
  level: number;
  readonly nodes: GraphNode[];
}

/** By node index: the set of signatures that a node runs in, as text; "" where it runs in none. */
function runsIn(unet: Unet, signatures: readonly LiveGraph[], maxSegmentBytes: number): string[] {
  const { graph, dependencies } = unet;
  const bytes = new Map<string, number>();
  const held = new Set<string>();
  return graph.nodes.map((node) => {
    const bits = dependencies.nodes[node.index]!;
    const live = signatures.flatMap(({ isLive }, i) => (isLive[node.index] ? [i] : []));
    if (dependencies.isFolded[node.index] || bits === Dependency.nothing || live.length === 0) return "";
    const key =
      bits === Dependency.text ? "text" : bits === Dependency.timestep ? "timestep" : live.join(",");
    let own = 0;
    for (const value of node.inputs) {
      const weight = graph.weights.get(value);
      if (weight && !held.has(value)) own += weight.byteLength;
      if (weight) held.add(value);
    }
    const sum = (bytes.get(key) ?? 0) + own;
    bytes.set(key, sum);
    if (maxSegmentBytes === Infinity || key === "text" || key === "timestep") return key;
    return `${key}/${Math.floor((sum - own) / maxSegmentBytes)}`;
  });
}

/**
 * Nodes of one key and one level, where every edge that leaves a group leads to a higher level: so the
 * groups' graph has no cycle.
 */
function levelGroups(unet: Unet, edges: EdgeNames, keyOf: readonly string[]): Group[] {
  const { graph } = unet;
  const levels = new Array<number>(graph.nodes.length).fill(0);
  const groups = new Map<string, Group>();
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

/** Joins groups of one key where that leaves the groups' graph without a cycle and cuts whole. */
function mergeGroups(unet: Unet, edges: EdgeNames, groups: Group[]): Group[] {
  const { graph } = unet;
  const groupOf = new Map<number, Group>();
  for (const group of groups) for (const node of group.nodes) groupOf.set(node.index, group);
  const next = new Map<Group, Set<Group>>(groups.map((group) => [group, new Set()]));
  const cut = new Map<Group, Set<Group>>(groups.map((group) => [group, new Set()]));
  for (const node of graph.nodes) {
    const to = groupOf.get(node.index);
    if (!to) continue;
    const link = (value: string, slot: number) => {
      const from = groupOf.get(graph.producers.get(value)?.index ?? -1);
      if (!from || from === to) return;
      next.get(from)!.add(to);
      if (edges.isCut(value, node, slot)) cut.get(from)!.add(to);
    };
    node.inputs.forEach(link);
    for (const value of node.captured) link(value, -1);
  }
  /** Whether a way leads from one group to another through a third. */
  const reachesAround = (from: Group, to: Group): boolean => {
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
  };
  const merged: Group[] = [];
  for (const group of groups) {
    const host = merged.find(
      (other) =>
        other.key === group.key &&
        !cut.get(other)!.has(group) &&
        !cut.get(group)!.has(other) &&
        !reachesAround(other, group) &&
        !reachesAround(group, other),
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
  return inOrder(merged, next);
}

function inOrder(groups: readonly Group[], next: ReadonlyMap<Group, ReadonlySet<Group>>): Group[] {
  const waiting = new Map(groups.map((group) => [group, 0]));
  for (const tos of next.values()) {
    for (const to of tos) if (waiting.has(to)) waiting.set(to, waiting.get(to)! + 1);
  }
  const ordered: Group[] = [];
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

/** The nodes with those that they need and that depend on nothing: each segment has its own. */
function withConstants(unet: Unet, nodes: readonly GraphNode[]): GraphNode[] {
  const { graph, dependencies } = unet;
  const all = new Map(nodes.map((node) => [node.index, node]));
  const front = [...nodes];
  for (let node = front.pop(); node; node = front.pop()) {
    for (const value of [...node.inputs, ...node.captured]) {
      const producer = graph.producers.get(value);
      if (!producer || all.has(producer.index)) continue;
      const isConstant = dependencies.nodes[producer.index] === Dependency.nothing;
      if (!isConstant || dependencies.isFolded[producer.index]) continue;
      all.set(producer.index, producer);
      front.push(producer);
    }
  }
  return [...all.values()].sort((a, b) => a.index - b.index);
}
