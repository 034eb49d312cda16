// Replaces calls of a model's local functions by the functions' nodes.

import { PhaseskipError } from "../errors.js";
import type {
  FunctionProto,
  GraphProto,
  ModelProto,
  NodeProto,
  TensorProto,
} from "../onnx/onnx_pb.js";
import { clone } from "../onnx/wire.js";
import { checkCalls } from "./call-sizes.js";

/** Characters of names, and values, that the calls of all functions may come to: some hundred times a large Unet's. */
const mostWrittenOut = 2 ** 26;

/**
 * The graph's nodes with every call of a local function written out, also in other functions and in the
 * bodies of an `If` or a loop.
 *
 * @throws {PhaseskipError} `model-invalid` if a function calls itself, or calls come to more than can be held
 */
export function inlineFunctions(model: ModelProto): readonly NodeProto[] {
  const functions = new Map(
    model.functions.map((f) => [key(f.domain, f.name, f.overload), f]),
  );
  if (functions.size === 0) return model.graph!.node;
  const calleeOf = (node: NodeProto) =>
    functions.get(key(node.domain, node.op_type, node.overload));
  checkCalls(model.graph!.node, calleeOf);
  let calls = 0;
  let written = 0;
  const expand = (nodes: readonly NodeProto[]): NodeProto[] =>
    nodes.flatMap((node) => {
      const callee = calleeOf(node);
      if (callee) {
        written += callSize(callee, node);
        if (written > mostWrittenOut) {
          throw new PhaseskipError(
            "model-invalid",
            `Cannot use the model as its functions, written out at every call, must come to names and values that can be held: ${callee.name} is called ${calls} times or more`,
          );
        }
        return expand(writtenOut(callee, node, `call${calls++}/`));
      }
      for (const { g, graphs } of node.attribute) {
        for (const body of g ? [g] : graphs) body.node = expand(body.node);
      }
      return [node];
    });
  const nodes = expand(model.graph!.node);
  for (const f of model.functions) {
    for (const opset of f.opset_import) {
      if (!model.opset_import.some((known) => known.domain === opset.domain)) {
        model.opset_import.push(opset);
      }
    }
  }
  return nodes;
}

function key(domain: string, name: string, overload: string): string {
  return JSON.stringify([domain, name, overload]);
}

/** What a call adds to the graph, in characters of names, and values. */
function callSize(callee: FunctionProto, call: NodeProto): number {
  const per = 64 + call.name.length + metadataSize(call);
  return callee.node.reduce((sum, node) => sum + per + nodeSize(node), 0);
}

function nodeSize(node: NodeProto): number {
  let size = 64 + node.name.length + metadataSize(node);
  for (const name of [...node.input, ...node.output]) size += 16 + name.length;
  for (const { g, graphs, floats, ints, t, tensors } of node.attribute) {
    size += 64 + floats.length + ints.length;
    for (const tensor of t ? [t] : tensors) size += tensorSize(tensor);
    for (const body of g ? [g] : graphs) size += bodySize(body);
  }
  return size;
}

function bodySize({ node, initializer, input, output }: GraphProto): number {
  let size = 64 + 64 * (input.length + output.length);
  for (const inner of node) size += nodeSize(inner);
  for (const tensor of initializer) size += tensorSize(tensor);
  return size;
}

function tensorSize(tensor: TensorProto): number {
  const { dims, float_data, int32_data, int64_data, double_data } = tensor;
  const lists = [dims, float_data, int32_data, int64_data, double_data];
  return lists.reduce((sum, list) => sum + list.length, 64);
}

function metadataSize({ metadata_props }: NodeProto): number {
  return metadata_props.reduce((sum, { value }) => sum + 32 + value.length, 0);
}

function writtenOut(
  callee: FunctionProto,
  call: NodeProto,
  prefix: string,
): NodeProto[] {
  const names = new Map<string, string>();
  callee.input.forEach((name, i) => names.set(name, call.input[i] ?? ""));
  callee.output.forEach((name, i) =>
    names.set(name, call.output[i] || prefix + name),
  );
  const rename = (name: string): string =>
    name === "" ? "" : (names.get(name) ?? prefix + name);
  return callee.node.map((inner) => {
    const node = clone(inner);
    node.input = node.input.map(rename);
    node.output = node.output.map(rename);
    node.name = [call.name, inner.name].filter(Boolean).join("/");
    if (node.metadata_props.length === 0)
      node.metadata_props = call.metadata_props;
    bindAttributes(node, call, callee);
    return node;
  });

  function bindAttributes(
    node: NodeProto,
    from: NodeProto,
    f: FunctionProto,
  ): void {
    node.attribute = node.attribute.flatMap((attribute) => {
      for (const body of attribute.g ? [attribute.g] : attribute.graphs)
        renameBody(body, from, f);
      if (!attribute.ref_attr_name) return [attribute];
      const given =
        from.attribute.find((a) => a.name === attribute.ref_attr_name) ??
        f.attribute_proto.find((a) => a.name === attribute.ref_attr_name);
      return given
        ? [{ ...given, name: attribute.name, ref_attr_name: "" }]
        : [];
    });
  }

  function renameBody(
    body: GraphProto,
    from: NodeProto,
    f: FunctionProto,
  ): void {
    for (const value of [...body.input, ...body.output, ...body.initializer]) {
      value.name = rename(value.name);
    }
    for (const node of body.node) {
      node.input = node.input.map(rename);
      node.output = node.output.map(rename);
      bindAttributes(node, from, f);
    }
  }
}
