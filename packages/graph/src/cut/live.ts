// What runs at one step: walking back from the output, stopping at what something else stands in for.

import { Dependency } from "../dependencies.js";
import type { GraphNode } from "../graph.js";
import { residualOwner } from "../units/main-input.js";
import type { Unet } from "../unet.js";
import type { Unit } from "../units/unit.js";
import { checkShape } from "./check-shape.js";

/**
 * What a unit hands on at a step:
 *
 * - `fresh`: its computed value, and `scale` that value scaled
 * - `cache`: a kept value, `blend` a linear combination of kept values
 * - `zero`: zeros, and `mean` a constant for each channel
 * - `bypass`: its main input, and `residual` its main input plus a kept value
 */
export type PortState =
  | "fresh"
  | "scale"
  | "cache"
  | "blend"
  | "zero"
  | "mean"
  | "bypass"
  | "residual";

/** How a value is scaled: all of it, or some channels, or low frequencies. */
export interface Scale {
  /** What the value, or the part of it, is multiplied by. */
  readonly factor: number;
  /** Which channels, as fractions of their number. @default all of them */
  readonly channels?: readonly [number, number];
  /** Only the frequencies of the box `[-lowPass, lowPass)` around zero, in bins. @default all of them */
  readonly lowPass?: number;
}

/** One output of one unit, or its residual: where an action takes hold. */
export interface Port {
  /** The unit's path, or its `residualPath`; `""` is the whole Unet. */
  readonly unit: string;
  /** The value's name in the graph. */
  readonly value: string;
}

/** What a port hands on, and how it is scaled. */
export interface PortDecision {
  /** What is handed on. */
  readonly state: PortState;
  /** Present where the state is `scale`. */
  readonly scale?: Scale;
  /** Whether the unit's main input is wanted beside its computed value, as their difference is kept. @default false */
  readonly keepsDifference?: boolean;
}

/** The part of a Unet that is alive at one step. */
export interface LiveGraph {
  /** By node index: whether it runs. Nodes that depend on shapes alone are not counted. */
  readonly isLive: readonly boolean[];
  /** Every port of an acted-on unit that is reached, by `portKey`. */
  readonly ports: ReadonlyMap<string, Port & PortDecision>;
  /** Ports whose value is wanted beside the output. */
  readonly probes: readonly Port[];
}

/** What a live graph leads to. */
export interface LiveRoots {
  /** Ports whose value is wanted. @default none */
  readonly probes?: readonly Port[];
  /** Whether the Unet's output is wanted. @default true */
  readonly output?: boolean;
}

/** A port's name, unique in a Unet. */
export function portKey({ value, unit }: Port): string {
  return `${value}@${unit}`;
}

/** A unit by its path; `""` is the whole Unet, which no pattern but `""` matches and whose outputs are the graph's. */
export function unitAt(
  { graph, units }: Unet,
  path: string,
): Pick<Unit, "outputs" | "mainInput" | "residual" | "skip"> {
  return path === ""
    ? { outputs: graph.outputs.map(({ name }) => name) }
    : units.units.get(path)!;
}

/** The units whose actions an output of the graph has seen: innermost first, the whole Unet last. */
export function outputChain({ units }: Unet, value: string): string[] {
  return [...units.unitsBetween(value, undefined, -1), ""];
}

/** The units whose actions a port's value has seen once it leaves the port: innermost first, its own last. */
export function portChain(unet: Unet, { unit, value }: Port): string[] {
  if (unit === "") return outputChain(unet, value);
  const { units } = unet;
  const owner = residualOwner(unit);
  const edge =
    owner === undefined
      ? units.units.get(unit)!.skip
      : units.units.get(owner)!.residual;
  const chain = units.unitsBetween(value, edge?.reader, edge?.slot ?? -1);
  return chain.slice(0, chain.indexOf(unit) + 1);
}

/**
 * The part of the Unet that a step needs.
 *
 * @param unet the Unet
 * @param acted paths of the units, and of the residuals, that have an action
 * @param decide asked once for each port that is reached, outer units before the inner ones they hide
 * @param roots what is wanted. @default the Unet's output
 * @throws {PhaseskipError} `model-unsupported` if an action takes hold of a value whose shape is not known
 */
export function liveGraph(
  unet: Unet,
  acted: ReadonlySet<string>,
  decide: (port: Port) => PortState | PortDecision,
  { probes = [], output = true }: LiveRoots = {},
): LiveGraph {
  const { graph, dependencies, units } = unet;
  const isLive = new Array<boolean>(graph.nodes.length).fill(false);
  const ports = new Map<string, Port & PortDecision>();
  const front: GraphNode[] = [];
  /** What a port hands on, and whether that was decided just now. */
  const meet = (port: Port): [PortDecision, isNew: boolean] => {
    const known = ports.get(portKey(port));
    if (known) return [known, false];
    checkShape(unet, port.value, port.unit);
    const decided = decide(port);
    const decision = typeof decided === "string" ? { state: decided } : decided;
    ports.set(portKey(port), { ...port, ...decision });
    return [decision, true];
  };
  const reach = (
    value: string,
    reader: GraphNode | undefined,
    slot: number,
  ): void => {
    const producer = graph.producers.get(value);
    if (producer && dependencies.isFolded[producer.index]) return;
    if ((dependencies.values.get(value) ?? 0) & Dependency.sample)
      reachThrough(
        value,
        reader
          ? units.unitsBetween(value, reader, slot)
          : outputChain(unet, value),
      );
    else start(producer);
  };
  const reachThrough = (value: string, chain: readonly string[]): void => {
    for (const unit of chain.toReversed()) {
      if (!acted.has(unit)) continue;
      const [decision, isNew] = meet({ unit, value });
      if (isNew && readsMainInput(decision)) {
        const main = units.units.get(unit)!.mainInput!;
        checkShape(unet, main.value, unit);
        reach(main.value, main.reader, main.slot);
      }
      if (!isComputed(decision.state)) return;
    }
    start(graph.producers.get(value));
  };
  const start = (producer: GraphNode | undefined): void => {
    if (!producer || isLive[producer.index]) return;
    isLive[producer.index] = true;
    front.push(producer);
  };
  if (output) for (const { name } of graph.outputs) reach(name, undefined, -1);
  for (const probe of probes) reachThrough(probe.value, portChain(unet, probe));
  for (let node = front.pop(); node; node = front.pop()) {
    for (const [slot, value] of node.inputs.entries()) reach(value, node, slot);
    for (const value of node.captured) reach(value, node, -1);
  }
  return { isLive, ports, probes };
}

/** Whether a port hands on what its unit computes, as it is or scaled. */
export function isComputed(state: PortState): boolean {
  return state === "fresh" || state === "scale";
}

/** Whether a port needs its unit's main input. */
export function readsMainInput({
  state,
  keepsDifference = false,
}: PortDecision): boolean {
  return keepsDifference || state === "bypass" || state === "residual";
}
