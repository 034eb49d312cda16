// Shapes of all values, and the values that follow from shapes alone, from concrete input dimensions.

import { PhaseskipError } from "../errors.js";
import type { Graph, GraphNode, Weight } from "../graph.js";
import { elementCount, tensorDims, tensorValues } from "../onnx/tensor.js";
import type { GraphProto } from "../onnx/onnx_pb.js";
import { elementSize } from "../onnx/types.js";
import { computeRules } from "./compute.js";
import { elementwiseRules } from "./elementwise.js";
import { layoutRules } from "./layout.js";
import { pickRules } from "./pick.js";
import type { ShapeRule, ValueInfo } from "./rule.js";
import { UnknownShapeError, dataLimit } from "./rule.js";

const rules: Readonly<Record<string, ShapeRule>> = {
  ...elementwiseRules,
  ...layoutRules,
  ...pickRules,
  ...computeRules,
};

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
  const values = new Map<string, ValueInfo>();
  for (const input of graph.inputs) {
    const dims = inputDims.get(input.name);
    if (!dims)
      throw new TypeError(
        `Cannot infer shapes as the input ${input.name} has no dimensions`,
      );
    values.set(input.name, { type: input.type, dims });
  }
  for (const weight of graph.weights.values())
    values.set(weight.name, weightInfo(weight));
  const opset = Number(
    graph.model.opset_import.find(
      ({ domain }) => domain === "" || domain === "ai.onnx",
    )?.version ?? 0,
  );
  for (const node of graph.nodes) {
    const made = nodeInfo(node, values, opset);
    node.outputs.forEach((output, slot) => {
      if (output && made[slot]) values.set(output, made[slot]);
    });
  }
  return values;
}

function weightInfo({ type, dims, data }: Weight): ValueInfo {
  // elements below a byte and strings are never part of a shape
  const isSmall =
    "data_type" in data &&
    elementCount(dims) <= dataLimit &&
    (elementSize(type) ?? 0) >= 1;
  return { type, dims, ...(isSmall && { data: tensorValues(data) }) };
}

function nodeInfo(
  node: GraphNode,
  values: ReadonlyMap<string, ValueInfo>,
  opset: number,
): ValueInfo[] {
  const label = `${node.opType}${node.proto.name ? ` (${node.proto.name})` : ""}`;
  const rule = node.opType === "If" ? conditional(values, opset) : ruleOf(node);
  if (!rule) {
    const operator = node.domain
      ? `${node.domain}.${node.opType}`
      : node.opType;
    throw new PhaseskipError(
      "model-unsupported",
      `Cannot infer the shapes of the Unet as the operator ${operator} has no shape rule: it is used by ${label}`,
    );
  }
  try {
    return rule(
      node,
      node.inputs.map((name) => (name ? values.get(name) : undefined)),
      opset,
    );
  } catch (cause) {
    if (cause instanceof PhaseskipError) throw cause;
    throw new PhaseskipError(
      cause instanceof UnknownShapeError
        ? "model-unsupported"
        : "model-invalid",
      `Cannot infer the shapes of the Unet at ${label}: ${(cause as Error).message}`,
      { cause },
    );
  }
}

/** Operators of com.microsoft that the rules mean; others there share a name with ONNX's own at most. */
const microsoft = new Set([
  ...[
    "FusedConv",
    "FusedMatMul",
    "Gelu",
    "BiasGelu",
    "FastGelu",
    "QuickGelu",
    "GroupNorm",
  ],
  ...["SimplifiedLayerNormalization", "Trilu"],
]);

function ruleOf({ domain, opType }: GraphNode): ShapeRule | undefined {
  const isKnown =
    domain === "" || (domain === "com.microsoft" && microsoft.has(opType));
  return isKnown ? rules[opType] : undefined;
}

/** Both branches of an `If` have the same shapes, unless the condition is known. */
function conditional(
  outer: ReadonlyMap<string, ValueInfo>,
  opset: number,
): ShapeRule {
  return (node, inputs) => {
    const condition = inputs[0]?.data?.[0];
    const branch = node.attributes.get(
      condition === 0 ? "else_branch" : "then_branch",
    )?.g;
    if (!branch) throw new Error("an If without branches");
    return bodyInfo(branch, outer, opset);
  };
}

function bodyInfo(
  body: GraphProto,
  outer: ReadonlyMap<string, ValueInfo>,
  opset: number,
): ValueInfo[] {
  const values = new Map(outer);
  for (const tensor of body.initializer) {
    values.set(tensor.name, {
      type: tensor.data_type,
      dims: tensorDims(tensor),
      data: tensorValues(tensor),
    });
  }
  for (const proto of body.node) {
    if (proto.op_type === "Constant" && proto.attribute[0]?.t) {
      const { t } = proto.attribute[0];
      values.set(proto.output[0]!, {
        type: t.data_type,
        dims: tensorDims(t),
        data: tensorValues(t),
      });
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
      values.set(proto.output[slot]!, info),
    );
  }
  return body.output.map((output) => values.get(output.name)!);
}
