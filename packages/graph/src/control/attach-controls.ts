// A Unet and its ControlNets as one graph: what they make is added to the skips and behind the middle, as diffusers does
// (0.42.1, models/unets/unet_2d_condition.py). Each is a unit of its own name, so that all that holds for units holds for it.

import { PhaseskipError } from "../errors.js";
import type { Graph, GraphNode, GraphValue } from "../graph.js";
import { valuesRead } from "../graph.js";
import { ElementType } from "../onnx/types.js";
import { wrapperPrefix } from "../units/scopes.js";
import type { Skip } from "../units/skips.js";
import type { UnetInput } from "../unet-input.js";
import type { UnetSize } from "../unet-size.js";
import { analyseUnet } from "../unet.js";
import { GraphBuilder, ownNode } from "./graph-builder.js";
import { prefixedGraph } from "./prefixed-graph.js";

/** A ControlNet that is to be attached. */
export interface ControlNet {
  /** What its unit and its inputs are called: `controlnet` has inputs `controlnet/controlnet_cond` and `controlnet/scales`. */
  readonly name: string;
  /** Its graph. */
  readonly graph: Graph;
  /** Its file in the model's folder. */
  readonly file: string;
}

type Node = Omit<GraphNode, "index">;

/** A place where the Unet reads what ControlNets add to. */
type Place = Pick<Skip, "reader" | "slot" | "value">;

/**
 * Attaches ControlNets to a Unet. A Unet that was exported with inputs for residuals gets them there, any other at its
 * skips. Beside its picture, each has an input of factors, `[batch, residual]`.
 *
 * @param unet the Unet's graph
 * @param controls in the order in which their residuals are added up
 * @param size any size that the Unet runs at
 * @param inputs what the Unet may take beside sample, timestep and text
 * @throws {PhaseskipError} `model-unsupported` If a ControlNet does not fit the Unet
 */
export function attachControls(
  unet: Graph,
  controls: readonly ControlNet[],
  size: UnetSize,
  inputs: readonly UnetInput[],
): Graph {
  if (controls.length === 0) return unet;
  const looked = analyseUnet(unet, size, inputs);
  const skips = [...looked.units.units.values()].flatMap(
    ({ skip }) => skip ?? [],
  );
  const places = residualPlaces(unet, skips);
  const build = new GraphBuilder();
  const scopes = unet.nodes.flatMap((node) => node.scopes);
  const prefix = wrapperPrefix(scopes) ?? "";
  const residuals = controls.map((control) =>
    addControl(build, unet, control, places.length, prefix),
  );
  const added: GraphValue[] = residuals.flatMap((one) => one.inputs);
  const declared = unet.inputs.map(({ name }) => name);
  const before = new Map<GraphNode, Node[]>();
  const renamed = new Map<string, string>();
  const moved = new Map<GraphNode, Map<number, string>>();
  places.forEach((place, i) => {
    const type = typeAt(place);
    const values = residuals.map(({ outputs }, k) => {
      const { value, type: from } = outputs[i]!;
      const to = `${controls[k]!.name}/added_${i}`;
      return from === type
        ? value
        : build.add("Cast", [value], to, [], { to: type });
    });
    const sum = values.reduce((a, b, k) =>
      build.add("Add", [a, b], `controls/sum_${i}_${k}`, []),
    );
    if (typeof place === "string") {
      renamed.set(place, sum);
      return;
    }
    const { reader, slot, value } = place;
    const joined = `controls/joined_${i}`;
    const node = { ...ownNode("Add", [value, sum], joined, []), isJoint: true };
    before.set(reader, [...(before.get(reader) ?? []), node]);
    const slots = moved.get(reader) ?? new Map<number, string>();
    moved.set(reader, slots.set(slot, joined));
  });
  const nodes = unet.nodes.flatMap((node): Node[] => {
    const own = node.inputs.map(
      (value, slot) =>
        moved.get(node)?.get(slot) ?? renamed.get(value) ?? value,
    );
    const isJoint = node.inputs.some((value) => renamed.has(value));
    return [
      ...(before.get(node) ?? []),
      { ...node, inputs: own, ...(isJoint && { isJoint }) },
    ];
  });
  return {
    ...unet,
    ...linked([...build.nodes, ...nodes]),
    weights: new Map([...unet.weights, ...build.weights]),
    inputs: [
      ...unet.inputs.filter(({ name }) => !renamed.has(name)),
      ...added.filter(({ name }) => !declared.includes(name)),
    ],
  };

  function typeAt(place: Place | string): ElementType {
    return typeof place === "string"
      ? unet.inputs.find(({ name }) => name === place)!.type
      : looked.shapes.get(place.value)!.type;
  }
}

/** Where residuals go, in the order in which ControlNets give them: a Unet's inputs, else edges of its skips and its middle. */
function residualPlaces(
  unet: Graph,
  skips: readonly Place[],
): readonly (Place | string)[] {
  const names = unet.inputs
    .map(({ name }) => name)
    .filter((name) => name.endsWith("_additional_residual"));
  const down = names
    .filter((name) => name.startsWith("down_block_"))
    .sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  if (down.length > 0)
    return [...down, ...names.filter((name) => !down.includes(name))];
  const [deepest] = skips;
  if (!deepest) return [];
  const { reader, slot } = deepest;
  const middle = reader.inputs.findIndex((_, i) => i !== slot);
  const value = reader.inputs[middle]!;
  return [...skips.toReversed(), { reader, slot: middle, value }];
}

interface Residuals {
  readonly inputs: readonly GraphValue[];
  readonly outputs: readonly {
    readonly value: string;
    readonly type: ElementType;
  }[];
}

/** Adds a ControlNet's nodes, and the factors behind them. */
function addControl(
  build: GraphBuilder,
  unet: Graph,
  { name, graph, file }: ControlNet,
  count: number,
  unetPrefix: string,
): Residuals {
  checkFit(unet, graph, name, count);
  const ownPrefix =
    wrapperPrefix(graph.nodes.flatMap((node) => node.scopes)) ?? "";
  const own = prefixedGraph(graph, name, file, unetPrefix, ownPrefix);
  const scopes = [unetPrefix + name];
  for (const [key, weight] of own.weights) build.weights.set(key, weight);
  const inputs: GraphValue[] = [];
  for (const input of graph.inputs) {
    const given = unet.inputs.find((one) => one.name === input.name);
    const inside = own.nameOf(input.name);
    if (input.name === "conditioning_scale") {
      const dims = (input.dims ?? []).map(() => 1);
      build.constant(inside, input.type, dims, [1]);
    } else if (given) shareInput(build, given, input, inside, scopes);
    else if (input.name === "controlnet_cond")
      inputs.push({ ...input, name: inside });
    else inputs.push(input);
  }
  build.nodes.push(...own.nodes);
  const type = graph.outputs[0]!.type;
  const factors = own.nameOf("scales");
  inputs.push({ name: factors, type, dims: ["batch", count] });
  const outputs = graph.outputs.map((output, i) => {
    const index = own.nameOf(`scale_index_${i}`);
    build.constant(index, ElementType.INT64, [1, 1, 1], [i]);
    const factor = own.nameOf(`scale_${i}`);
    build.add("Gather", [factors, index], factor, scopes, { axis: 1 });
    const scaled = [own.nameOf(output.name), factor];
    const value = own.nameOf(`scaled_${i}`);
    return { value: build.add("Mul", scaled, value, scopes), type };
  });
  return { inputs, outputs };
}

/** Hands a ControlNet what the Unet is handed, in the type, rank and channels that it takes. */
function shareInput(
  build: GraphBuilder,
  given: GraphValue,
  wanted: GraphValue,
  name: string,
  scopes: readonly string[],
): void {
  let value = given.name;
  const channels = wanted.dims?.[1];
  if (given.name === "sample" && given.dims?.[1] !== channels) {
    const ends = [0, Number(channels), 1].map((number, i) => {
      const part = `${name}_${["from", "to", "axis"][i]}`;
      return build.constant(part, ElementType.INT64, [1], [number]);
    });
    value = build.add("Slice", [value, ...ends], `${name}_own`, scopes);
  }
  if (given.name === "timestep" && given.dims?.length !== wanted.dims?.length) {
    const dims = wanted.dims?.length === 0 ? [] : [1];
    const shape = build.constant(
      `${name}_shape`,
      ElementType.INT64,
      [dims.length],
      dims,
    );
    value = build.add("Reshape", [value, shape], `${name}_reshaped`, scopes);
  }
  if (given.type === wanted.type) build.add("Identity", [value], name, scopes);
  else build.add("Cast", [value], name, scopes, { to: wanted.type });
}

/** @throws {PhaseskipError} `model-unsupported` If it does not */
function checkFit(
  unet: Graph,
  control: Graph,
  name: string,
  count: number,
): void {
  const opset = ({ model }: Graph) =>
    Number(
      model.opset_import.find(({ domain }) => /^(ai\.onnx)?$/.test(domain))
        ?.version ?? 0,
    );
  const problems = [
    control.inputs.some((input) => input.name === "controlnet_cond")
      ? undefined
      : `it must have an input named controlnet_cond, its picture: it has ${control.inputs.map((input) => input.name).join(", ")}`,
    control.outputs.length === count
      ? undefined
      : `it must give ${count} residuals, one for each skip and one for the middle: it gives ${control.outputs.length}`,
    opset(control) === opset(unet)
      ? undefined
      : `it must be of the Unet's operator set, ${opset(unet)}: it is of ${opset(control)}; export both with one opset`,
  ];
  const problem = problems.find((one) => one !== undefined);
  if (problem === undefined) return;
  throw new PhaseskipError(
    "model-unsupported",
    `Cannot use ${name} with the Unet as ${problem}`,
  );
}

/** Nodes in their places, and who makes and reads what. */
function linked(
  nodes: readonly Node[],
): Pick<Graph, "nodes" | "producers" | "consumers"> {
  const placed = nodes.map((node, index): GraphNode => ({ ...node, index }));
  const producers = new Map<string, GraphNode>();
  const consumers = new Map<string, GraphNode[]>();
  for (const node of placed) {
    for (const output of node.outputs) if (output) producers.set(output, node);
    for (const value of new Set(valuesRead(node)))
      consumers.set(value, [...(consumers.get(value) ?? []), node]);
  }
  return { nodes: placed, producers, consumers };
}
