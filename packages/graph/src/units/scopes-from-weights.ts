// Module paths for nodes whose names an optimizer dropped: its weights keep theirs, and what has no weights of its
// own is told by what it leads to, as diffusers builds its modules.

import type { Dependencies } from "../dependencies.js";
import { Dependency } from "../dependencies.js";
import type { Graph, GraphNode } from "../graph.js";
import { branchScopes, isResampling } from "./branch-scopes.js";
import { groupNorms, isSwishPart } from "./norm-clusters.js";
import { isLandmark } from "./scopes.js";

/** Operators between a weight and the node that multiplies by it. */
const unpacking = new Set([
  ...["DequantizeLinear", "Transpose", "Cast", "Identity"],
  ...["Reshape", "Unsqueeze", "Squeeze"],
]);

/** What the norms and activations before a module are called, by the module's last name; ADM's has two parts. */
const before: Readonly<Record<string, readonly [norm: string, act: string]>> = {
  conv1: ["norm1", "nonlinearity"],
  conv2: ["norm2", "nonlinearity"],
  proj_in: ["norm", "norm"],
  conv_out: ["conv_norm_out", "conv_act"],
  // queries, keys and values of an attention on pixels
  "*": ["group_norm", "group_norm"],
  // ADM's
  "in_layers.2": ["in_layers.0", "in_layers.1"],
  "out_layers.3": ["out_layers.0", "out_layers.1"],
  "out.2": ["out.0", "out.1"],
  qkv: ["norm", "norm"],
};

/** What the norm before each part of a transformer block is called. */
const transformerNorms: Readonly<Record<string, string>> = {
  attn1: "norm1",
  attn2: "norm2",
  ff: "norm3",
};

/**
 * The scopes of every node, by node index: its own where it has a name, else what the weights around it tell, outermost
 * first; empty where they tell nothing.
 */
export function scopesFromWeights(
  graph: Graph,
  dependencies: Dependencies,
): (readonly string[])[] {
  const scopes: (readonly string[])[] = graph.nodes.map(({ scopes }) => scopes);
  const isSignal = ({ index }: GraphNode) =>
    (dependencies.nodes[index]! & Dependency.sample) !== 0;
  const isLost = (node: GraphNode) =>
    isSignal(node) && scopes[node.index]!.length === 0;
  if (!graph.nodes.some(isLost)) return scopes;

  const place = (node: GraphNode, path: string) => {
    if (isLost(node)) scopes[node.index] = pathScopes(path);
  };
  for (const node of graph.nodes) {
    if (isLost(node)) place(node, ownModule(graph, node) ?? "");
  }
  const last = (node: GraphNode) => scopes[node.index]!.at(-1);
  const readers = ({ outputs }: GraphNode) =>
    outputs.flatMap((value) => graph.consumers.get(value) ?? []);
  // a product whose bias is added behind it is one linear layer with that
  for (const node of graph.nodes) {
    const [only, ...more] = readers(node);
    if (node.opType === "MatMul" && only?.opType === "Add" && more.length === 0)
      if (isProjection(node)) place(node, last(only) ?? "");
  }
  const ahead = leadingTo();
  const norms = groupNorms(graph);
  for (const node of graph.nodes) {
    const next = ahead[node.index] ?? "";
    const [parent, name] = split(next);
    const [norm, act] = before[name] ?? [];
    const stem = parent === "" ? "" : `${parent}.`;
    if (norms.has(node.index) && norm) place(node, stem + norm);
    else if (act && isSwishPart(graph, node)) place(node, stem + act);
    else if (node.opType === "Resize" && name === "conv") place(node, parent);
    else if (next.endsWith(".to_out.0") && isAttention(node))
      place(node, next.slice(0, -".to_out.0".length));
    else if (next.endsWith(".net.2") && isAfter(node, ".net.0.proj"))
      place(node, next.slice(0, -1) + "0");
  }
  placeProjections();
  for (const node of graph.nodes) {
    if (isLost(node) && node.opType === "LayerNormalization")
      place(node, normOf(node));
  }
  for (const node of graph.nodes) {
    const lost = isLost(node) && node.opType === "Concat";
    if (lost) place(node, joinOf(node));
  }
  for (const node of graph.nodes) {
    if (isLost(node) && node.opType === "Add")
      scopes[node.index] = branchScopes(graph, dependencies, node, scopes);
  }
  // a shortcut that halves or doubles the sides
  for (const node of graph.nodes) {
    const [only, ...more] = readers(node);
    if (isLost(node) && isResampling(node) && more.length === 0)
      if (only?.opType === "Add") scopes[node.index] = scopes[only.index]!;
  }
  return scopes;

  /** By node index: the placed module that all ways from a node lead to first; `parent.*` of several in one, "" of others. */
  function leadingTo(): (string | undefined)[] {
    const found: (string | undefined)[] = [];
    for (const node of graph.nodes.toReversed()) {
      if (!isLost(node)) continue;
      for (const reader of readers(node).filter(isSignal)) {
        const path = isLost(reader) ? found[reader.index] : last(reader);
        const known = found[node.index];
        found[node.index] = known === undefined ? path : shared(known, path);
      }
    }
    return found;
  }

  /** Whether what a node is made of leads back to a module of that name, with nothing placed between. */
  function isAfter(node: GraphNode, ending: string): boolean {
    return node.inputs.some((value) => {
      const producer = graph.producers.get(value);
      if (!producer || !isSignal(producer)) return false;
      const path = last(producer);
      if (path !== undefined)
        return path.endsWith(ending) || path.endsWith(ending.slice(0, -5));
      return isAfter(producer, ending);
    });
  }

  /** Queries, keys and values are told apart by where they enter the product before the softmax, and that behind it. */
  function placeProjections(): void {
    for (const softmax of graph.nodes) {
      if (softmax.opType !== "Softmax" || !isSignal(softmax)) continue;
      const attention = last(softmax) ?? ahead[softmax.index] ?? "";
      const path = attention.replace(/\.to_out\.0$/, "");
      if (!/\.(attn\d+|attentions\.\d+)$/.test(path)) continue;
      const scores = back(softmax.inputs[0], (n) => n.opType === "MatMul");
      const result = readers(softmax).find((n) => n.opType === "MatMul");
      const name = (value: string | undefined, projection: string) => {
        const node = back(value, (n) => isProjection(n) || isThird(n));
        if (!node || !isSignal(node)) return;
        place(node, `${path}.${projection}`);
        if (isThird(node)) place(graph.producers.get(node.inputs[0]!)!, path);
      };
      name(scores?.inputs[0], "to_q");
      name(scores?.inputs[1], "to_k");
      name(result?.inputs[1], "to_v");
    }
  }

  /** The nearest node of a kind before a value, along first inputs. */
  function back(
    value: string | undefined,
    is: (node: GraphNode) => boolean,
  ): GraphNode | undefined {
    const node = graph.producers.get(value ?? "");
    if (!node || is(node)) return node;
    return back(node.inputs[0], is);
  }

  function isProjection({ opType, inputs }: GraphNode): boolean {
    const isProduct = ["MatMul", "Gemm", "MatMulNBits"].includes(opType);
    return isProduct && weightBehind(graph, inputs[1] ?? "") !== undefined;
  }

  /** Whether a node cuts one of three projections out of a product that an optimizer made of them. */
  function isThird({ opType, inputs }: GraphNode): boolean {
    const product = graph.producers.get(inputs[0] ?? "");
    return opType === "Slice" && product !== undefined && isProjection(product);
  }

  /** A transformer block has a norm before each of its parts; optimizers merge weights of ones among them. */
  function normOf(node: GraphNode): string {
    const path = readers(node)
      .map((reader) => last(reader) ?? ahead[reader.index] ?? "")
      .find((found) => found !== "");
    const part = /^(.*)\.(attn1|attn2|ff)(\.|$)/.exec(path ?? "");
    return part ? `${part[1]}.${transformerNorms[part[2]!]}` : "";
  }

  /** A skip is joined by the block around the ResNet that reads it. */
  function joinOf(node: GraphNode): string {
    const path = readers(node)
      .map((reader) => last(reader) ?? ahead[reader.index] ?? "")
      .find((found) => found !== "");
    return /^(.*up_blocks\.\d+)\./.exec(path ?? "")?.[1] ?? "";
  }
}

/** One path for two: their parent's with a star, where both are projections of one attention. */
function shared(a: string, b: string | undefined): string {
  if (a === b || b === undefined) return a;
  const [parent] = split(a);
  const isSame = parent === split(b)[0] && /attentions\.\d+$/.test(parent);
  return isSame ? `${parent}.*` : "";
}

function isAttention({ opType }: GraphNode): boolean {
  return /Attention$/.test(opType) || opType === "Softmax";
}

/** The module whose weight a node reads, or the one whose bias it reads where it reads no weight. */
function ownModule(graph: Graph, node: GraphNode): string | undefined {
  const found = node.inputs.flatMap((value) => {
    const name = weightBehind(graph, value) ?? "";
    const match = /^(.+)\.(weight|bias)(?:$|_)/.exec(name);
    return match ? [{ path: match[1]!, kind: match[2]! }] : [];
  });
  const weight = found.find(({ kind }) => kind === "weight") ?? found[0];
  return weight?.path;
}

/** The weight that a value is, unpacked or turned; one that several nodes read may be another module's as well. */
function weightBehind(graph: Graph, value: string): string | undefined {
  if (graph.weights.has(value))
    return (graph.consumers.get(value)?.length ?? 0) > 1 ? undefined : value;
  const producer = graph.producers.get(value);
  if (!producer || !unpacking.has(producer.opType)) return undefined;
  return weightBehind(graph, producer.inputs[0] ?? "");
}

/**
 * The modules around a path, outermost first, and itself; a list of modules, whose members are numbers, is none, but a
 * member that has numbered members itself is one, as `input_blocks.3` of `input_blocks.3.1`.
 */
function pathScopes(path: string): string[] {
  const names = path.split(".");
  const isNumber = (name = "") => /^\d+$/.test(name);
  return names.flatMap((name, i) => {
    const path = names.slice(0, i + 1).join(".");
    const isList =
      isNumber(names[i + 1]) && !isNumber(name) && !isLandmark(path);
    return name === "" || isList ? [] : [path];
  });
}

/** A path's parent and its last name. */
function split(path: string): readonly [parent: string, name: string] {
  const numbered = /(^|\.)(in_layers|out_layers|out)\.\d+$/.exec(path);
  const at = numbered
    ? numbered.index - (numbered[1] === "" ? 1 : 0)
    : path.lastIndexOf(".");
  return [path.slice(0, Math.max(at, 0)), path.slice(at + 1)];
}
