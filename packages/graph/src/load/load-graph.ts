// From an ONNX file to a plain graph: functions inlined, constants among the weights, aliases gone.

import type { ByteSource } from "../byte-source.js";
import { PhaseskipError } from "../errors.js";
import type { Graph, GraphNode, Weight } from "../graph.js";
import { valuesRead } from "../graph.js";
import type { GraphProto, NodeProto, TensorProto } from "../onnx/onnx_pb.js";
import type { OnnxFile } from "../onnx/read.js";
import { readOnnx } from "../onnx/read.js";
import { learnRules } from "../shapes/infer.js";
import { valuesTensor } from "../onnx/tensor.js";
import { ElementType } from "../onnx/types.js";
import { nodeScopes } from "../units/scopes.js";
import { learnNames } from "../units/lost-names.js";
import { plainNodes } from "./plain-nodes.js";
import { toValue } from "./to-value.js";
import { toWeight } from "./to-weight.js";

/** Operator sets of ONNX itself that the shape rules and the runtime know, both ends inclusive. */
const knownOpsets: readonly [number, number] = [9, 25];
/** Operator sets beside ONNX's own that the runtime knows. */
const knownDomains = new Set(["", "ai.onnx", "com.microsoft", "ai.onnx.ml"]);
/** What ONNX Runtime's optimizer writes for the CPU that it runs on, at the levels `layout` and `all`. */
const blockedLayout = "com.microsoft.nchwc";

/**
 * Reads a Unet's graph; weights stay where they are and are known by their place.
 *
 * @example
 * ```ts
 * import { readFile } from "node:fs/promises";
 * import { analyseUnet, bytesSource, loadGraph } from "@phaseskip/graph";
 *
 * const graph = await loadGraph(bytesSource(await readFile("models/scenes/unet/model.onnx")));
 * const unet = analyseUnet(graph, { batch: 1, height: 32, width: 32 });
 * ```
 * @param source the `model.onnx`
 * @param name what to call it in messages
 * @throws {PhaseskipError} `model-invalid` if it is no whole ONNX model, contradicts itself, or names weights
 * outside its folder; `model-unsupported` if it uses operator sets that are not known
 */
export async function loadGraph(
  source: ByteSource,
  name = "unet/model.onnx",
): Promise<Graph> {
  const file = await readOnnx(source, name);
  checkOperatorSets(file, name);
  const graph = await plainGraph(file, name);
  await learnRules(graph);
  await learnNames(graph);
  return graph;
}

function checkOperatorSets({ model }: OnnxFile, name: string): void {
  const local = new Set(model.functions.map((f) => f.domain));
  const used = usedDomains(model);
  if (used.has(blockedLayout)) {
    throw new PhaseskipError(
      "model-unsupported",
      `Cannot use ${name} as its operators must run on any device: those of ${blockedLayout} were made for one kind of CPU, by ONNX Runtime's optimizer at the level "layout" or "all"; take the file as it was before, or the level "extended"`,
    );
  }
  for (const { domain, version } of model.opset_import) {
    const isKnown = knownDomains.has(domain) || local.has(domain);
    if (!isKnown && used.has(domain)) {
      throw new PhaseskipError(
        "model-unsupported",
        `Cannot use ${name} as it needs the operator set "${domain}" (version ${version}), which is not known; known are ONNX's own and com.microsoft`,
      );
    }
    const [low, high] = knownOpsets;
    if (
      (domain === "" || domain === "ai.onnx") &&
      (version < low || version > high)
    ) {
      throw new PhaseskipError(
        "model-unsupported",
        `Cannot use ${name} as ONNX's operator set must be of version ${low} to ${high}: it needs ${version}; export it again with another opset`,
      );
    }
  }
}

/** The domains of all nodes, bodies and functions included; optimizers import more than they use. */
function usedDomains({ graph, functions }: OnnxFile["model"]): Set<string> {
  const used = new Set<string>();
  const visit = ({ domain, attribute }: NodeProto): void => {
    used.add(domain);
    for (const { g, graphs } of attribute) {
      for (const body of g ? [g] : graphs) body.node.forEach(visit);
    }
  };
  graph?.node.forEach(visit);
  for (const { node } of functions) node.forEach(visit);
  return used;
}

async function plainGraph(file: OnnxFile, name: string): Promise<Graph> {
  const proto = file.model.graph!;
  if (proto.sparse_initializer.length > 0) {
    throw new PhaseskipError(
      "model-unsupported",
      `Cannot use ${name} as its weights must be dense: it holds ${proto.sparse_initializer.length} sparse ones`,
    );
  }
  const weights = new Map<string, Weight>();
  for (const tensor of proto.initializer)
    weights.set(tensor.name, toWeight(tensor, file, name));

  const aliases = new Map<string, string>();
  const resolve = (value: string): string => aliases.get(value) ?? value;
  const nodes: GraphNode[] = [];
  const protos = await plainNodes(file.model, proto.initializer);
  // bodies name these themselves, and outputs keep their name
  const named = new Set([
    ...protos.flatMap(capturedBy),
    ...proto.output.map((output) => output.name),
  ]);
  for (const node of protos) {
    const output = node.output[0] ?? "";
    const constant =
      node.op_type === "Constant" ? constantTensor(node) : undefined;
    if (constant) {
      constant.name = output;
      weights.set(output, toWeight(constant, file, name));
    } else if (
      node.op_type === "Identity" &&
      !named.has(output) &&
      weights.has(resolve(node.input[0] ?? ""))
    ) {
      aliases.set(output, resolve(node.input[0]!));
    } else nodes.push(toNode(nodes.length, node, resolve));
  }
  checkNames(nodes, proto, weights, name);
  const sorted = inRunningOrder(nodes, name);
  const producers = new Map<string, GraphNode>();
  const consumers = new Map<string, GraphNode[]>();
  for (const node of sorted) {
    for (const output of node.outputs) if (output) producers.set(output, node);
    for (const value of new Set([...node.inputs, ...node.captured])) {
      if (!value) continue;
      const readers = consumers.get(value);
      if (readers) readers.push(node);
      else consumers.set(value, [node]);
    }
  }
  return {
    model: file.model,
    nodes: sorted,
    weights,
    inputs: proto.input
      .filter((input) => !weights.has(input.name))
      .map(toValue),
    outputs: proto.output.map(toValue),
    producers,
    consumers,
  };
}

function toNode(
  index: number,
  proto: NodeProto,
  resolve: (value: string) => string,
): GraphNode {
  return {
    index,
    opType: proto.op_type,
    domain: proto.domain === "ai.onnx" ? "" : proto.domain,
    inputs: proto.input.map(resolve),
    captured: capturedBy(proto),
    outputs: proto.output,
    attributes: new Map(
      proto.attribute.map((attribute) => [attribute.name, attribute]),
    ),
    scopes: nodeScopes(proto),
    proto,
  };
}

/** What a node's bodies read of the graph around them, each value once. */
function capturedBy(node: NodeProto): string[] {
  const bodies = node.attribute.flatMap(({ g, graphs }) => (g ? [g] : graphs));
  return [...new Set(bodies.flatMap((body) => [...capturedValues(body)]))];
}

/** What a body reads of the graph around it. */
function capturedValues(body: GraphProto): Set<string> {
  const own = new Set(
    [...body.input, ...body.initializer].map((value) => value.name),
  );
  const captured = new Set<string>();
  for (const node of body.node) {
    for (const value of node.input)
      if (value && !own.has(value)) captured.add(value);
    for (const attribute of node.attribute) {
      for (const inner of attribute.g ? [attribute.g] : attribute.graphs) {
        for (const value of capturedValues(inner))
          if (!own.has(value)) captured.add(value);
      }
    }
    for (const output of node.output) own.add(output);
  }
  for (const output of body.output)
    if (!own.has(output.name)) captured.add(output.name);
  return captured;
}

/** Every value is made once, and what is read is made. */
function checkNames(
  nodes: readonly GraphNode[],
  proto: GraphProto,
  weights: ReadonlyMap<string, Weight>,
  name: string,
): void {
  const invalid = (found: string) =>
    new PhaseskipError("model-invalid", `Cannot use ${name} as ${found}`);
  const made = new Set([...weights.keys(), ...proto.input.map((v) => v.name)]);
  for (const node of nodes) {
    for (const output of node.outputs) {
      if (output !== "" && made.has(output))
        throw invalid(
          `its value ${output} must be made once: it is made twice`,
        );
      made.add(output);
    }
  }
  const read = nodes.flatMap(valuesRead);
  for (const value of [...read, ...proto.output.map((v) => v.name)]) {
    if (!made.has(value))
      throw invalid(`its value ${value} is read, and nothing makes it`);
  }
}

/** ONNX asks for this order, and some tools break it: each node after those that make what it reads. */
function inRunningOrder(
  nodes: readonly GraphNode[],
  name: string,
): GraphNode[] {
  const producers = new Map<string, GraphNode>();
  for (const node of nodes)
    for (const output of node.outputs) producers.set(output, node);
  const state = new Map<GraphNode, "waits" | "done">();
  const sorted: GraphNode[] = [];
  for (const first of nodes) {
    const path = [first];
    for (let node = path.at(-1); node; node = path.at(-1)) {
      if (state.get(node) === "done") {
        path.pop();
        continue;
      }
      const needed = valuesRead(node).flatMap(
        (value) => producers.get(value) ?? [],
      );
      const missing = needed.filter((other) => state.get(other) !== "done");
      if (missing.length === 0) {
        state.set(node, "done");
        sorted.push({ ...node, index: sorted.length });
        path.pop();
      } else if (state.get(node) === "waits") {
        throw new PhaseskipError(
          "model-invalid",
          `Cannot use ${name} as its nodes form a cycle at ${node.proto.name || node.opType}`,
        );
      } else {
        state.set(node, "waits");
        path.push(...missing.reverse());
      }
    }
  }
  return sorted;
}

function constantTensor(node: NodeProto): TensorProto | undefined {
  const attribute = node.attribute[0];
  const name = node.output[0] ?? "";
  switch (attribute?.name) {
    case "value":
      return attribute.t;
    case "value_float":
      return valuesTensor(name, ElementType.FLOAT, [], [attribute.f]);
    case "value_floats":
      return valuesTensor(
        name,
        ElementType.FLOAT,
        [attribute.floats.length],
        attribute.floats,
      );
    case "value_int":
      return valuesTensor(name, ElementType.INT64, [], [attribute.i]);
    case "value_ints":
      return valuesTensor(
        name,
        ElementType.INT64,
        [attribute.ints.length],
        attribute.ints,
      );
    default:
      return undefined;
  }
}
