// Shapes of all values, and the values that follow from shapes alone, from concrete input dimensions.

import { PhaseskipError } from "../errors.js";
import type { Graph, GraphNode, Weight } from "../graph.js";
import { valuesRead } from "../graph.js";
import type { GraphProto, TensorProto } from "../onnx/onnx_pb.js";
import {
  elementCount,
  isShape,
  tensorDims,
  tensorValues,
} from "../onnx/tensor.js";
import {
  elementName,
  elementSize,
  isFloat,
  type ElementType,
} from "../onnx/types.js";
import { computeRules } from "./compute.js";
import { elementwiseRules } from "./elementwise.js";
import { layoutRules } from "./layout.js";
import { pickRules } from "./pick.js";
import { declaredShapes } from "./declared.js";
import type { ShapeRule, ValueInfo } from "./rule.js";
import { UnknownShapeError, dataLimit } from "./rule.js";
import { windowRules } from "./window.js";

type RuleSet = Readonly<Record<string, ShapeRule>>;

/** Rules by operator set, then by operator; those of optimizers' and quantizers' operators once a graph had such. */
let rules: Readonly<Record<string, RuleSet>> = {
  "": {
    ...elementwiseRules,
    ...layoutRules,
    ...pickRules,
    ...windowRules,
    ...computeRules,
  },
};

/** Fetches the rules of the operators that optimizers and quantizers write, where a graph has such. */
export async function learnRules({
  nodes,
}: Pick<Graph, "nodes">): Promise<void> {
  const isTools = ({ domain, opType }: GraphNode) =>
    domain !== "" || /Quant|Integer|^QLinear/.test(opType);
  if ("com.microsoft" in rules || !nodes.some(isTools)) return;
  const { toolRules } = await import("./tool-rules.js");
  rules = { ...toolRules, "": { ...rules[""], ...toolRules[""] } };
}

/** Elements of all values together that may follow from shapes alone; exports have some thousand. */
const mostFolded = 2 ** 20;

/** What is known of values by name, in a graph and in the graphs around it. */
type Known = Pick<ReadonlyMap<string, ValueInfo>, "get">;

/** A node whose outputs' shapes nothing here tells. */
export interface UnruledNode {
  /** The node. */
  readonly node: GraphNode;
  /** Why, in words. */
  readonly reason: string;
}

/** What is known of a graph's values. */
export interface InferredShapes {
  /** By value: type, dimensions and, where they follow from shapes alone, elements. Missing is what is not known. */
  readonly shapes: Map<string, ValueInfo>;
  /** Nodes without a shape rule, or whose shapes only a run tells; the file may say the shapes of their outputs. */
  readonly unruled: readonly UnruledNode[];
}

/**
 * Infers the shape of every value without running anything.
 *
 * @param graph the graph
 * @param inputDims the concrete dimensions of every graph input
 * @returns by value name: type, dimensions and, where they follow from shapes alone, elements
 * @throws {PhaseskipError} `model-unsupported` if an operator has no shape rule, or asks for a value that
 * is known only after running; `model-invalid` if shapes do not fit together
 */
export function inferShapes(
  graph: Graph,
  inputDims: ReadonlyMap<string, readonly number[]>,
): Map<string, ValueInfo> {
  const { shapes, unruled } = inferKnownShapes(graph, inputDims);
  const [first] = unruled;
  if (!first) return shapes;
  throw new PhaseskipError(
    "model-unsupported",
    `Cannot infer the shapes of the graph as ${first.reason}`,
  );
}

/**
 * Infers the shapes that can be known without running anything: where an operator has no rule, those that the
 * file's own `value_info` tells; what is made of others stays unknown.
 *
 * @param graph the graph
 * @param inputDims the concrete dimensions of every graph input
 * @throws {PhaseskipError} `model-invalid` if shapes do not fit together
 */
export function inferKnownShapes(
  graph: Graph,
  inputDims: ReadonlyMap<string, readonly number[]>,
): InferredShapes {
  const values = new Map<string, ValueInfo>();
  for (const input of graph.inputs) {
    const dims = inputDims.get(input.name);
    if (!dims)
      throw new TypeError(
        `Cannot infer shapes as the input ${input.name} has no dimensions`,
      );
    if (!isShape(dims)) {
      throw new PhaseskipError(
        "model-invalid",
        `Cannot infer the shapes of the Unet as its input ${input.name} must have sizes of 0 or more: ${dims}`,
      );
    }
    values.set(input.name, { type: input.type, dims });
  }
  for (const weight of graph.weights.values())
    values.set(weight.name, weightInfo(weight));
  const opset = Number(
    graph.model.opset_import.find(
      ({ domain }) => domain === "" || domain === "ai.onnx",
    )?.version ?? 0,
  );
  const unruled: UnruledNode[] = [];
  const declared = declaredShapes(graph, inputDims);
  const isRead = new Set(graph.outputs.map((output) => output.name));
  let folded = 0;
  for (const node of graph.nodes) {
    const isKnown = valuesRead(node).every(
      // what nothing makes at all is an error, and the rule says so
      (value) => values.has(value) || !graph.producers.has(value),
    );
    const made = isKnown ? ruledInfo(node) : undefined;
    for (const [slot, output] of node.outputs.entries()) {
      const info = made ? made[slot] : declared(output);
      folded += info?.data?.length ?? 0;
      if (output && info) values.set(output, info);
      else if (made && (graph.consumers.has(output) || isRead.has(output))) {
        const reason = `what is known of ${labelOf(node)} must include its output ${slot}: it is read`;
        // ONNX's own operators are known: one that has no such output contradicts itself
        if (node.domain === "")
          throw new PhaseskipError(
            "model-unsupported",
            `Cannot infer the shapes of the graph as ${reason}`,
          );
        unruled.push({ node, reason });
      }
    }
    if (folded > mostFolded) {
      throw new PhaseskipError(
        "model-unsupported",
        `Cannot infer the shapes of the graph as at most ${mostFolded} elements may follow from shapes alone: there are more, up to ${labelOf(node)}`,
      );
    }
  }
  return { shapes: values, unruled };

  function ruledInfo(node: GraphNode): readonly ValueInfo[] | undefined {
    try {
      return nodeInfo(node, values, opset);
    } catch (error) {
      if (!(error instanceof UnknownShapeError)) throw error;
      unruled.push({ node, reason: error.message });
      return undefined;
    }
  }
}

/** What is known of weights, whatever the inputs' dimensions are. */
const weightInfos = new WeakMap<Weight, ValueInfo>();

function weightInfo(weight: Weight): ValueInfo {
  const known = weightInfos.get(weight);
  if (known) return known;
  const { type, dims, data } = weight;
  // elements below a byte and strings are never part of a shape
  const isSmall =
    "data_type" in data &&
    elementCount(dims) <= dataLimit &&
    (elementSize(type) ?? 0) >= 1;
  const info = { type, dims, ...(isSmall && { data: tensorValues(data) }) };
  weightInfos.set(weight, info);
  return info;
}

function nodeInfo(node: GraphNode, values: Known, opset: number): ValueInfo[] {
  const label = labelOf(node);
  const rule =
    node.opType === "If"
      ? conditional(values, opset)
      : rules[node.domain]?.[node.opType];
  if (!rule) {
    throw new UnknownShapeError(
      `the operator ${operatorName(node)} has no shape rule: it is used by ${label}`,
    );
  }
  try {
    const inputs = node.inputs.map((name) =>
      name ? values.get(name) : undefined,
    );
    return rule(node, inputs, opset).map(checkInfo);
  } catch (cause) {
    if (cause instanceof PhaseskipError) throw cause;
    const { message } = cause as Error;
    if (cause instanceof UnknownShapeError)
      throw new UnknownShapeError(`${label}: ${message}`, { cause });
    throw new PhaseskipError(
      "model-invalid",
      `Cannot infer the shapes of the graph at ${label}: ${message}`,
      { cause },
    );
  }
}

function labelOf(node: GraphNode): string {
  const { name } = node.proto;
  return `${operatorName(node)}${name ? ` (${name})` : ""}`;
}

/** A rule says of a contradictory node what no value can be. */
function checkInfo(info: ValueInfo): ValueInfo {
  const { type, dims, data } = info;
  if (!isShape(dims)) throw new Error(`its result would be [${dims}]`);
  if (elementSize(type) === undefined)
    throw new Error(`its result would be of ${elementName(type)}`);
  if (data && data.length !== elementCount(dims))
    throw new Error(`[${dims}] cannot hold ${data.length} elements`);
  return data && !areOf(type, data) ? { type, dims } : info;
}

/** Whether numbers can be of a type: a division by zero, or an overflow, of integers is the runtime's to decide. */
function areOf(type: ElementType, data: readonly number[]): boolean {
  return isFloat(type) || data.every((value) => Math.abs(value) <= 2 ** 63);
}

/** An operator's name with its operator set, such as `com.microsoft.MatMulNBits`. */
export function operatorName({
  domain,
  opType,
}: Pick<GraphNode, "domain" | "opType">): string {
  return domain ? `${domain}.${opType}` : opType;
}

/** Both branches of an `If` have the same shapes, unless the condition is known. */
function conditional(outer: Known, opset: number): ShapeRule {
  return (node, inputs) => {
    const condition = inputs[0]?.data?.[0];
    const branch = node.attributes.get(
      condition === 0 ? "else_branch" : "then_branch",
    )?.g;
    if (!branch) throw new Error("an If without branches");
    return bodyInfo(branch, outer, opset);
  };
}

function bodyInfo(body: GraphProto, outer: Known, opset: number): ValueInfo[] {
  const own = new Map<string, ValueInfo>();
  const values: Known = { get: (name) => own.get(name) ?? outer.get(name) };
  for (const tensor of body.initializer)
    own.set(tensor.name, tensorInfo(tensor));
  for (const proto of body.node) {
    if (proto.op_type === "Constant" && proto.attribute[0]?.t) {
      own.set(proto.output[0] ?? "", tensorInfo(proto.attribute[0].t));
      continue;
    }
    const attributes = new Map(
      proto.attribute.map((attribute) => [attribute.name, attribute]),
    );
    const node: GraphNode = {
      index: -1,
      opType: proto.op_type,
      domain: proto.domain,
      inputs: proto.input,
      captured: [],
      outputs: proto.output,
      attributes,
      scopes: [],
      proto,
    };
    nodeInfo(node, values, opset).forEach((info, slot) =>
      own.set(proto.output[slot] ?? "", info),
    );
  }
  return body.output.map(({ name }) => {
    const info = values.get(name);
    if (!info) throw new Error(`its body gives ${name}, which nothing makes`);
    return info;
  });
}

function tensorInfo(tensor: TensorProto): ValueInfo {
  const [type, dims] = [tensor.data_type, tensorDims(tensor)];
  return checkInfo({ type, dims, data: tensorValues(tensor) });
}
