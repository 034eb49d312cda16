// Cuts a Unet into segments: parts that every signature either runs whole or leaves out whole.

import type { AttentionRows } from "./attention-rows.js";
import { attentionByRows } from "./attention-rows.js";
import { checkShape } from "./check-shape.js";
import { CutEdges } from "./cut-edges.js";
import { Dependency } from "../dependencies.js";
import type { GraphNode } from "../graph.js";
import type { LiveGraph, PortState } from "./live.js";
import type { Grid } from "./rounded-edges.js";
import { gridOf } from "./rounded-edges.js";
import { segmentGroups } from "./segment-groups.js";
import type { Unet } from "../unet.js";

/** What a segment reads from outside. */
export interface SegmentInput {
  /** Its name inside the segment. */
  readonly name: string;
  /** The graph's value behind it. */
  readonly value: string;
  /** Units whose actions it sees, innermost first; empty where it is always the computed value. */
  readonly units: readonly string[];
  /** The grid that all its values lie on; missing where there is none. */
  readonly grid?: Grid;
}

/** A part of the graph; one session. */
export interface Segment {
  /** Equal for segments of the same Unet that are interchangeable. */
  readonly key: string;
  /** How often it runs: once per prompt and context, once per timestep, or at steps that need it. */
  readonly kind: "text" | "timestep" | "step";
  /** In running order. */
  readonly nodes: readonly GraphNode[];
  /** Values that it reads and does not make, and where they come from. */
  readonly inputs: readonly SegmentInput[];
  /** Values read that follow from shapes alone; constants, or fed where they change with the size. */
  readonly folded: readonly string[];
  /** Values handed to other segments, to caches, or out. */
  readonly outputs: readonly string[];
  /** Names of the weights it holds. */
  readonly weights: readonly string[];
  /** Attention that it computes by rows. */
  readonly attention: readonly AttentionRows[];
}

/** A Unet cut into segments, in an order in which they can run. */
export interface Partition {
  /** In an order in which they can run. */
  readonly segments: readonly Segment[];
}

/**
 * Cuts a Unet so that each of the given live graphs is made of whole segments.
 *
 * @param unet the Unet
 * @param signatures the distinct live graphs of a run, or of several runs
 * @param maxSegmentBytes weights per segment, in bytes; a single node may exceed it. @default Infinity
 * @param maxScores elements of one attention's scores at once: what has more is computed by rows. @default Infinity
 * @throws {PhaseskipError} `model-unsupported` if a cut goes through a value whose shape is not known
 */
export function partition(
  unet: Unet,
  signatures: readonly LiveGraph[],
  maxSegmentBytes = Infinity,
  maxScores = Infinity,
): Partition {
  const { graph, dependencies } = unet;
  const edges = new CutEdges(unet, signatures);
  const groups = segmentGroups(unet, signatures, edges, maxSegmentBytes);
  const segmentOf = new Map<number, number>();
  groups.forEach((group, i) => {
    for (const node of group.nodes) segmentOf.set(node.index, i);
  });
  const outputs = exportedValues();
  const isResult = new Set(graph.outputs.map(({ name }) => name));
  for (const value of outputs) {
    const maker = graph.producers.get(value);
    // the runtime tells the result's shape
    if (maker && !isResult.has(value))
      checkShape(unet, value, unet.units.unitOf[maker.index]!);
  }
  return {
    segments: groups.map(({ key, nodes }) => {
      const all = withConstants(unet, nodes);
      const reads = segmentReads(all);
      const made = new Set(nodes.flatMap((node) => node.outputs));
      const out = [...made].filter((value) => outputs.has(value));
      const kind = key === "text" || key === "timestep" ? key : "step";
      const isGiven = new Set(reads.inputs.map(({ value }) => value));
      const attention = attentionByRows(
        unet,
        all,
        (value) => outputs.has(value) || isGiven.has(value),
        maxScores,
      );
      const identity = [
        nodes.map((node) => node.index),
        reads.inputs.map(({ name, grid }) => (grid ? [name, grid] : name)),
        out,
        ...attention.map(({ tokens, rows }) => [tokens, rows]),
      ];
      return {
        key: JSON.stringify(identity),
        kind,
        nodes: all,
        outputs: out,
        attention,
        ...reads,
      };
    }),
  };

  function exportedValues(): Set<string> {
    const exported = new Set(graph.outputs.map((output) => output.name));
    for (const { ports, probes } of signatures) {
      for (const { state, value } of ports.values())
        if (isWanted.has(state)) exported.add(value);
      for (const { value } of probes) exported.add(value);
    }
    for (const value of edges.mainInputs()) exported.add(value);
    for (const node of graph.nodes) {
      node.inputs.forEach((value, slot) => {
        const from = segmentOf.get(graph.producers.get(value)?.index ?? -1);
        const to = segmentOf.get(node.index);
        if (from === undefined || to === undefined) return;
        if (from !== to || edges.isCut(value, node, slot)) exported.add(value);
      });
      for (const value of node.captured) {
        const from = segmentOf.get(graph.producers.get(value)?.index ?? -1);
        if (from !== undefined && from !== segmentOf.get(node.index))
          exported.add(value);
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
      else if (producer && dependencies.isFolded[producer.index])
        folded.add(value);
      else {
        const units = edges.units(value, node, slot);
        const isOutside = !producer || !inside.has(producer.index);
        if (units.length === 0 && !isOutside) return;
        const name = edges.name(value, units);
        const grid = edges.isExact(value, units)
          ? gridOf(graph, value)
          : undefined;
        if (grid) weights.add(grid.scale).add(grid.zeroPoint);
        inputs.set(name, { name, value, units, ...(grid && { grid }) });
      }
    };
    for (const node of nodes) {
      node.inputs.forEach((value, slot) => read(value, node, slot));
      for (const value of node.captured) read(value, node, -1);
    }
    return {
      inputs: [...inputs.values()],
      folded: [...folded],
      weights: [...weights],
    };
  }
}

/** States of a port whose computed value is wanted by itself: now, or to be kept. */
const isWanted: ReadonlySet<PortState> = new Set<PortState>([
  "cache",
  "blend",
  "scale",
  "residual",
]);

/** The nodes with those that they need and that depend on nothing: each segment has its own. */
function withConstants(unet: Unet, nodes: readonly GraphNode[]): GraphNode[] {
  const { graph, dependencies } = unet;
  const all = new Map(nodes.map((node) => [node.index, node]));
  const front = [...nodes];
  for (let node = front.pop(); node; node = front.pop()) {
    for (const value of [...node.inputs, ...node.captured]) {
      const producer = graph.producers.get(value);
      if (!producer || all.has(producer.index)) continue;
      const isConstant =
        dependencies.nodes[producer.index] === Dependency.nothing;
      if (!isConstant || dependencies.isFolded[producer.index]) continue;
      all.set(producer.index, producer);
      front.push(producer);
    }
  }
  return [...all.values()].sort((a, b) => a.index - b.index);
}
