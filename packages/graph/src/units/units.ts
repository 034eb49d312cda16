// The parts of a Unet that a plan can act on: its modules, nested as they are, and its skip connections.

import type { Unit, Units } from "./unit.js";
import type { Dependencies } from "../dependencies.js";
import { Dependency } from "../dependencies.js";
import { PhaseskipError } from "../errors.js";
import type { Graph, GraphNode } from "../graph.js";

import { findMainInput, findResidual, residualPath } from "./main-input.js";
import { isFloat } from "../onnx/types.js";
import { namedChains } from "./named-chains.js";
import { nameFinder } from "./lost-names.js";
import { deepestModule, wrapperPrefix } from "./scopes.js";
import type { ValueInfo } from "../shapes/rule.js";
import type { Skip } from "./skips.js";
import { findSkips, floatEdge, isRounding } from "./skips.js";

/**
 * Finds a Unet's units and skips: by the module names that exporters leave in nodes or weights, else by its shape.
 *
 * @throws {PhaseskipError} `model-unsupported` if the graph is not recognisable as a Unet; `model-invalid` if its
 * modules lie too deep in one another
 */
export function findUnits(
  graph: Graph,
  shapes: ReadonlyMap<string, ValueInfo>,
  dependencies: Dependencies,
): Units {
  const finder = nameFinder();
  const scopes =
    finder?.scopesFromWeights(graph, dependencies) ??
    graph.nodes.map(({ scopes }) => scopes);
  const prefix = wrapperPrefix(scopes.flat());
  const edges = findSkips(graph, shapes, dependencies);
  if (prefix === undefined && edges.length === 0) {
    throw new PhaseskipError(
      "model-unsupported",
      `Cannot find a Unet in the graph as it has neither modules named down_blocks, mid_block and up_blocks nor skip connections: it has ${graph.nodes.length} nodes, from ${graph.nodes[0]?.opType} to ${graph.nodes.at(-1)?.opType}`,
    );
  }
  const chains =
    prefix === undefined
      ? finder!.scopesFromShape(graph, shapes, dependencies, edges)
      : namedChains(graph, dependencies, prefix, scopes);
  const parents = findParents(chains);
  const enclosing = (path: string): string[] => pathsAround(path, parents);
  const unitOf = assignNodes(graph, dependencies, chains, enclosing);
  const skips = nameSkips(edges, graph, dependencies, unitOf, enclosing);

  // asked for every edge at every step of a schedule
  const known = graph.nodes.map(() => new Map<number, readonly string[]>());
  const unitsBetween: Units["unitsBetween"] = (value, reader, slot) => {
    const seen = reader && slot >= 0 ? known[reader.index] : undefined;
    const between = seen?.get(slot) ?? lookBetween(value, reader, slot);
    seen?.set(slot, between);
    return between;
  };
  const lookBetween: Units["unitsBetween"] = (value, reader, slot) => {
    const producer = graph.producers.get(value);
    const around = new Set(reader ? enclosing(unitOf[reader.index]!) : []);
    const units = producer
      ? enclosing(unitOf[producer.index]!).filter((path) => !around.has(path))
      : [];
    const skip = reader && skips.get(edgeKey(reader.index, slot));
    return skip ? [...units, skip.path] : units;
  };
  const units = collectUnits();
  // a residual is no output: it joins the chains once the outputs are known, inner units first
  for (const unit of [...units.values()].reverse()) {
    if (!unit.residual) continue;
    const { value, reader, slot } = unit.residual;
    const before = unitsBetween(value, reader, slot);
    known[reader.index]!.set(slot, [...before, residualPath(unit.path)]);
  }
  return { units, unitOf, isGuessed: prefix === undefined, unitsBetween };

  function collectUnits(): Map<string, Unit> {
    const outputs = new Map<string, Set<string>>();
    const nodes = new Map<string, GraphNode[]>();
    const note = (
      value: string,
      reader: GraphNode | undefined,
      slot: number,
    ) => {
      const isSignal =
        (dependencies.values.get(value) ?? 0) & Dependency.sample;
      const type = shapes.get(value)?.type;
      // what is not known may be one: a plan that acts there is told
      if (!isSignal || (type !== undefined && !isFloat(type))) return;
      for (const path of unitsBetween(value, reader, slot)) {
        outputs.set(path, (outputs.get(path) ?? new Set()).add(value));
      }
    };
    for (const node of graph.nodes) {
      if (dependencies.isFolded[node.index]) continue;
      for (const path of enclosing(unitOf[node.index]!)) {
        const inside = nodes.get(path);
        if (inside) inside.push(node);
        else nodes.set(path, [node]);
      }
      node.inputs.forEach((value, slot) => note(value, node, slot));
      for (const value of node.captured) note(value, node, -1);
    }
    for (const output of graph.outputs) note(output.name, undefined, -1);
    const units = new Map<string, Unit>();
    const add = (path: string) => {
      if (units.has(path) || !outputs.has(path)) return;
      const unit: Unit = {
        path,
        parent: parents.get(path) ?? "",
        outputs: [...outputs.get(path)!],
        nodes: nodes.get(path)!,
      };
      const mainInput = findMainInput(unit, graph, dependencies, unitsBetween);
      const residual = findResidual(unit, mainInput, graph, dependencies);
      units.set(path, {
        ...unit,
        ...(mainInput && { mainInput }),
        ...(residual && { residual }),
      });
    };
    const skipsByReader = new Map(
      [...skips.values()].map((skip) => [skip.reader.index, skip]),
    );
    for (const node of graph.nodes) {
      // what depends on the text alone often stands before everything else
      if (!(dependencies.nodes[node.index]! & Dependency.sample)) continue;
      for (const path of enclosing(unitOf[node.index]!).reverse()) add(path);
      const skip = skipsByReader.get(node.index);
      if (skip) {
        const parent = skip.path.slice(0, -".skip".length);
        units.set(skip.path, {
          path: skip.path,
          parent,
          outputs: [skip.value],
          nodes: [],
          skip,
          mainInput: skip,
        });
      }
    }
    return units;
  }
}

/**
 * The module around each module, as the last chain names it. A chain that puts a module inside itself, as a
 * recursive or a shared one is recorded, says nothing there.
 */
function findParents(
  chains: readonly (readonly string[])[],
): Map<string, string> {
  const parents = new Map<string, string>();
  for (const chain of chains) {
    for (const [i, path] of chain.entries()) {
      const parent = chain[i - 1] ?? "";
      if (parents.get(path) === parent) continue;
      if (!pathsAround(parent, parents).includes(path))
        parents.set(path, parent);
    }
  }
  return parents;
}

/** The module and those around it, innermost first. */
function pathsAround(
  path: string,
  parents: ReadonlyMap<string, string>,
): string[] {
  const paths: string[] = [];
  for (let at = path; at !== ""; at = parents.get(at) ?? "") {
    if (paths.push(at) <= deepestModule) continue;
    throw new PhaseskipError(
      "model-invalid",
      `Cannot find the Unet's units as its modules must lie at most ${deepestModule} deep in one another: ${path} lies deeper`,
    );
  }
  return paths;
}

function edgeKey(node: number, slot: number): string {
  return `${node}:${slot}`;
}

/** The deepest path that is in all chains; chains are innermost first. */
function common(chains: readonly (readonly string[])[]): string {
  const [first = [], ...rest] = chains;
  return (
    first.find((path) => rest.every((chain) => chain.includes(path))) ?? ""
  );
}

/**
 * A node that does not depend on the sample moves up to the unit that encloses all its readers, and so does one that
 * rounds for them, on a grid of its own for each value: what flows between units is the float before it. Readers stand
 * later in the list, so it is walked from its end.
 */
function assignNodes(
  graph: Graph,
  dependencies: Dependencies,
  chains: readonly (readonly string[])[],
  enclosing: (path: string) => string[],
): string[] {
  const unitOf = chains.map((chain) => chain.at(-1) ?? "");
  const outputs = new Set(graph.outputs.map((output) => output.name));
  for (const node of [...graph.nodes].reverse()) {
    const isSignal = dependencies.nodes[node.index]! & Dependency.sample;
    if (isSignal && node.opType !== "DynamicQuantizeLinear") continue;
    const readers = node.outputs.flatMap(
      (output) => graph.consumers.get(output) ?? [],
    );
    if (node.outputs.some((output) => outputs.has(output)))
      unitOf[node.index] = "";
    else if (readers.length > 0) {
      unitOf[node.index] = common(
        readers.map((reader) => enclosing(unitOf[reader.index]!)),
      );
    }
  }
  return unitOf;
}

/** The nodes that read what a node makes, behind its rounding to whole numbers and back. */
function readersOf(graph: Graph, node: GraphNode): GraphNode[] {
  return node.outputs
    .flatMap((output) => graph.consumers.get(output) ?? [])
    .flatMap((reader) =>
      isRounding(reader) ? readersOf(graph, reader) : [reader],
    );
}

/** A skip is named after the module that takes what it was joined to. */
function nameSkips(
  edges: readonly Omit<Skip, "path">[],
  graph: Graph,
  dependencies: Dependencies,
  unitOf: readonly string[],
  enclosing: (path: string) => string[],
): Map<string, Skip> {
  const skips = new Map<string, Skip>();
  const names = new Map<string, number>();
  for (const edge of edges) {
    const readers = readersOf(graph, edge.reader).filter(
      (reader) => !dependencies.isFolded[reader.index],
    );
    const consumer = common(
      readers.map((reader) => enclosing(unitOf[reader.index]!)),
    );
    const base = consumer || unitOf[edge.reader.index] || "unet";
    const count = names.get(base) ?? 0;
    names.set(base, count + 1);
    const path = count === 0 ? `${base}.skip` : `${base}.${count}.skip`;
    const skip = floatEdge(graph, { ...edge, path });
    skips.set(edgeKey(skip.reader.index, skip.slot), skip);
  }
  return skips;
}
