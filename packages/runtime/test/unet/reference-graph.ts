// The whole graph with switches in it: wherever an acted-on unit hands a value on, what is handed on can be the
// computed value times something, or something given, or that plus the unit's main input.

import type { Unet, Unit } from "@phaseskip/graph";
import { ElementType, unitAt } from "@phaseskip/graph";
import type { NodeProto } from "../../../graph/src/onnx/onnx_pb.js";
import {
  readModelProto,
  writeModelProto,
} from "../../../graph/src/onnx/onnx_pb.js";
import { decode, encode } from "../../../graph/src/onnx/wire.js";
import { op, value } from "../../../graph/test/onnx-model.js";

/** A place where an action takes hold: `to` is what is handed on in place of `from`. */
export interface Switch {
  /** The unit, or with `isResidual` what it adds to its shortcut. */
  readonly unit: string;
  readonly isResidual: boolean;
  readonly from: string;
  readonly to: string;
  /** The graph's value behind it. */
  readonly value: string;
  /** The unit's main input as it is read, where it is of the value's shape. */
  readonly main: string | undefined;
}

/** What a switch is fed. */
export const feedNames = ({ to }: Switch) => ({
  isGiven: `on:${to}`,
  given: `in:${to}`,
  factor: `by:${to}`,
  mainFactor: `main:${to}`,
});

/** The graph, its switches, and its nodes with them. */
export interface ReferenceGraph {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** By `to`. */
  readonly switches: ReadonlyMap<string, Switch>;
  readonly nodes: readonly NodeProto[];
  /** The name of a unit's output, made last, behind the unit's own switch. */
  readonly probe: (unit: string) => string;
}

/**
 * Writes the graph.
 * @param acted paths of the units that get switches
 * @param residual paths of the units whose residual gets one, if it enters an addition
 * @param probes units whose output is an output of the graph, too
 */
export function referenceGraph(
  unet: Unet,
  file: Uint8Array,
  acted: ReadonlySet<string>,
  residual: ReadonlySet<string>,
  probes: readonly string[],
): ReferenceGraph {
  const model = decode(readModelProto, file);
  const graph = model.graph!;
  const switches = new Map<string, Switch>();
  const { units } = unet.units;
  const dims = (name: string) => unet.shapes.get(name)!.dims;
  const additions = new Map<string, string[]>();
  for (const path of residual) {
    const edge = residualEdge(unet, units.get(path)!);
    if (edge) additions.set(edge, [path, ...(additions.get(edge) ?? [])]);
  }
  const through = (
    name: string,
    path: readonly { unit: string; isResidual: boolean }[],
  ): string => {
    let from = name;
    let to = name;
    for (const { unit, isResidual } of path) {
      to += `#${unit}${isResidual ? "+" : ""}`;
      if (!switches.has(to)) {
        const { mainInput, skip } = unitAt(unet, unit);
        const isAlike =
          mainInput && String(dims(mainInput.value)) === String(dims(name));
        const main =
          isAlike && !skip && !isResidual
            ? after(mainInput.value, mainInput.reader.index, mainInput.slot)
            : undefined;
        switches.set(to, { unit, isResidual, from, to, value: name, main });
      }
      from = to;
    }
    return from;
  };
  const after = (
    name: string,
    reader: number | undefined,
    slot: number,
    behind: readonly { unit: string; isResidual: boolean }[] = [],
  ) =>
    through(name, [
      ...unitsAround(unet, name, reader, slot)
        .filter((unit) => acted.has(unit))
        .map((unit) => ({ unit, isResidual: false })),
      ...(additions.get(`${reader} ${slot}`) ?? []).map((unit) => ({
        unit,
        isResidual: true,
      })),
      ...behind,
    ]);
  const writer = new Map(
    unet.graph.nodes.map((node) => [node.outputs[0], node]),
  );
  const nodes: NodeProto[] = graph.node.map((proto) => {
    const node = writer.get(proto.output[0]);
    if (!node) return proto; // a constant
    const input = proto.input.map((name, slot) =>
      after(name, node.index, slot),
    );
    return { ...proto, input };
  });
  const result = graph.output[0]!.name;
  const whole = acted.has("") ? [{ unit: "", isResidual: false }] : [];
  const end = after(result, undefined, -1, whole);
  nodes.push(op("Identity", [end], ["the_end"]));
  const probeNames = new Map(
    probes.map((path) => {
      const made = units.get(path)!.outputs.map((name) => ({
        name,
        index: unet.graph.producers.get(name)!.index,
      }));
      const { name } = made.sort((a, b) => b.index - a.index)[0]!;
      const around = unitsAround(unet, name, undefined, -1);
      const inside = around
        .slice(0, around.indexOf(path) + 1)
        .filter((unit) => acted.has(unit));
      const chain = inside.map((unit) => ({ unit, isResidual: false }));
      return [path, through(name, chain)];
    }),
  );

  // a switch stands right behind what it reads; its unit's main input was made before
  const ordered: NodeProto[] = [];
  const waiting = new Map<string, Switch[]>();
  for (const made of switches.values())
    waiting.set(made.from, [...(waiting.get(made.from) ?? []), made]);
  const flush = (name: string): void => {
    for (const made of waiting.get(name) ?? []) {
      ordered.push(...switchNodes(made));
      flush(made.to);
    }
  };
  flush("sample");
  for (const node of nodes) {
    ordered.push(node);
    node.output.forEach(flush);
  }
  for (const made of switches.values()) {
    const feeds = feedNames(made);
    graph.input.push(
      value(feeds.isGiven, [], ElementType.BOOL),
      value(feeds.given, dims(made.value)),
      value(feeds.factor, dims(made.value)),
    );
    if (made.main !== undefined) graph.input.push(value(feeds.mainFactor, []));
  }
  const outputs = new Set(["the_end", ...probeNames.values()]);
  for (const { from, main } of switches.values()) {
    outputs.add(from);
    if (main !== undefined) outputs.add(main);
  }
  outputs.delete("sample");
  graph.node = ordered;
  graph.output = [...outputs].map((name) =>
    value(name, dims(name === "the_end" ? result : name.split("#")[0]!)),
  );
  return {
    bytes: encode(writeModelProto, model),
    switches,
    nodes: ordered,
    probe: (unit) => probeNames.get(unit)!,
  };
}

function switchNodes(made: Switch): NodeProto[] {
  const { from, to, main } = made;
  const { isGiven, given, factor, mainFactor } = feedNames(made);
  const scaled = op("Mul", [from, factor], [`scaled:${to}`]);
  if (main === undefined)
    return [scaled, op("Where", [isGiven, given, `scaled:${to}`], [to])];
  return [
    scaled,
    op("Mul", [main, mainFactor], [`shortcut:${to}`]),
    op("Add", [`shortcut:${to}`, given], [`sum:${to}`]),
    op("Where", [isGiven, `sum:${to}`, `scaled:${to}`], [to]),
  ];
}

/** The edge, as `reader slot`, by which what is added to a unit's shortcut enters the unit's last addition. */
function residualEdge(
  { graph, dependencies }: Unet,
  { outputs, mainInput, skip }: Unit,
): string | undefined {
  const [output] = outputs;
  if (skip || !mainInput || !output || outputs.length > 1) return undefined;
  const isFixed = (name: string) => !dependencies.values.get(name);
  let node = graph.producers.get(output);
  while (node && ["Mul", "Div"].includes(node.opType)) {
    const open = node.inputs.filter((name) => !isFixed(name));
    if (open.length !== 1) return undefined;
    node = graph.producers.get(open[0]!);
  }
  if (node?.opType !== "Add") return undefined;
  const shortcuts: number[] = node.inputs.map((name) => {
    const maker = graph.producers.get(name);
    if (name === mainInput.value) return 2;
    const isConvolved =
      maker?.opType === "Conv" && maker.inputs[0] === mainInput.value;
    return isConvolved ? 1 : 0;
  });
  const best = Math.max(...shortcuts);
  return best === 0
    ? undefined
    : `${node.index} ${1 - shortcuts.indexOf(best)}`;
}

/** The units that hold a value's maker and not its reader, innermost first, then the skip it is. */
function unitsAround(
  { graph, units, dependencies }: Unet,
  name: string,
  reader: number | undefined,
  slot: number,
): string[] {
  const maker = graph.producers.get(name);
  if (!((dependencies.values.get(name) ?? 0) & 4)) return [];
  const prefixes = (path: string) =>
    path
      .split(".")
      .map((_, i, parts) => parts.slice(0, parts.length - i).join("."))
      .filter((prefix) => units.units.has(prefix));
  const outer = new Set(
    reader === undefined ? [] : prefixes(units.unitOf[reader]!),
  );
  const around = maker
    ? prefixes(units.unitOf[maker.index]!).filter((path) => !outer.has(path))
    : [];
  const skip = [...units.units.values()].find(
    (unit) => unit.skip?.reader.index === reader && unit.skip?.slot === slot,
  );
  return skip && reader !== undefined ? [...around, skip.path] : around;
}
