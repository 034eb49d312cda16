// What exporters tell of the machine that exported: paths and lines of the exporting program, in nearly every node.

import type { ModelProto, NodeProto } from "../onnx/onnx_pb.js";
import { readModelProto, writeModelProto } from "../onnx/onnx_pb.js";
import { decode, encode } from "../onnx/wire.js";

/** Entries of a node's metadata that say which module it is of. */
const modulePaths = new Set([
  "namespace",
  "pkg.torch.onnx.name_scopes",
  "pkg.torch.onnx.class_hierarchy",
  "pkg.onnxscript.rewriter.rule_name",
]);
/** A line of Python's traceback, or of TorchScript's notes: a file and a line in it. */
const sourceLine = /File "([^"]+)", line \d+|(\S+\.py)\(\d+\)/;

/** Where a model's nodes tell of the program that exported it. */
export interface SourceNotes {
  /** How many nodes do. */
  readonly nodes: number;
  /** One of the paths that they tell; undefined where none do. */
  readonly example: string | undefined;
}

/**
 * Finds the nodes that tell paths of the exporting program, those of local functions included.
 *
 * @param model a model's structure, such as a `Graph`'s
 */
export function sourceNotes(model: ModelProto): SourceNotes {
  let nodes = 0;
  let example: string | undefined;
  for (const node of allNodes(model)) {
    const path = sourceOf(node);
    if (path === undefined) continue;
    nodes++;
    example ??= path;
  }
  return { nodes, example };
}

/**
 * A model without the paths of the exporting program; module paths stay.
 *
 * @param bytes the whole `model.onnx`; weights inside it stay as they are
 */
export function stripSources(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const model = decode(readModelProto, bytes);
  for (const node of allNodes(model)) {
    if (sourceLine.test(node.doc_string)) node.doc_string = "";
    node.metadata_props = node.metadata_props.filter(
      ({ key, value }) => modulePaths.has(key) && !sourceLine.test(value),
    );
  }
  return encode(writeModelProto, model);
}

function sourceOf({ doc_string, metadata_props }: NodeProto) {
  for (const text of [
    doc_string,
    ...metadata_props.map(({ value }) => value),
  ]) {
    const match = sourceLine.exec(text);
    if (match) return match[1] ?? match[2];
  }
  return undefined;
}

/** All nodes, those in bodies and functions too. */
function allNodes({ graph, functions }: ModelProto): NodeProto[] {
  const inBodies = (nodes: readonly NodeProto[]): NodeProto[] =>
    nodes.flatMap((node) => [
      node,
      ...node.attribute.flatMap(({ g, graphs }) =>
        (g ? [g] : graphs).flatMap((body) => inBodies(body.node)),
      ),
    ]);
  return inBodies([
    ...(graph?.node ?? []),
    ...functions.flatMap(({ node }) => node),
  ]);
}
