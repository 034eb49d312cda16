// Writes a segment as an ONNX model of its own, and graphs that are never cut.

import { renameCaptured, widenAttribute } from "./bodies.js";
import { castEdges } from "./cast-edges.js";
import { computeByRows } from "./compute-by-rows.js";
import type { Graph, GraphNode } from "../graph.js";
import type { GraphProto, NodeProto, ValueInfoProto } from "../onnx/onnx_pb.js";
import {
  readGraphProto,
  readModelProto,
  readNodeProto,
  readTensorShapeProto,
  readTensorShapeProtoDimension,
  readTypeProto,
  readTypeProtoTensor,
  readValueInfoProto,
  writeModelProto,
} from "../onnx/onnx_pb.js";
import { valuesTensor } from "../onnx/tensor.js";
import type { ElementType } from "../onnx/types.js";
import { clone, create, encode } from "../onnx/wire.js";
import type { Segment } from "./partition.js";
import { roundEdges } from "./rounded-edges.js";
import type { Unet } from "../unet.js";
import { heldType } from "../onnx/widen.js";
import type { HalfWeights, WeightPlacement } from "./write-weights.js";
import { externalName, writeWeights } from "./write-weights.js";

/** A segment as ONNX Runtime takes it. */
export interface SegmentModel {
  /** The model without its large weights. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The name by which the model calls its external file. */
  readonly externalName: string;
  /** Bytes of the external file; 0 if the model needs none. */
  readonly externalBytes: number;
  /** What lies in the external file, in order. */
  readonly placements: readonly WeightPlacement[];
  /** Folded values that change with the input size and are fed as inputs of this name. */
  readonly fed: readonly string[];
}

/**
 * Writes a segment's ONNX model.
 *
 * @param unet the Unet that was cut
 * @param segment one of its segments
 * @param widen write float16 as float32, for devices that lack it. @default false
 * @param isChanged weights that are changed as they are read: these lie in the external file, however small. @default none
 * @param half what becomes of large float16 weights where they are written as float32: kept, they are widened each time
 * they are used. @default "widened"
 */
export function segmentModel(
  unet: Unet,
  segment: Segment,
  widen = false,
  isChanged?: (weight: string) => boolean,
  half?: HalfWeights,
): SegmentModel {
  const { graph, shapes } = unet;
  // sines of a timestep near 1,000 are off by a fifth where it is rounded to float16
  const isWide = widen || segment.kind === "timestep";
  const typeOf = (type: ElementType) => heldType(type, !isWide);
  const fed = segment.folded.filter((value) => unet.isSizeDependent(value));
  const proto = create(readGraphProto, { name: "segment" });
  const { placements, externalBytes, casts } = writeWeights(
    proto,
    graph,
    segment.weights,
    isWide,
    isChanged,
    widen ? half : "widened",
  );
  for (const value of segment.folded) {
    const { type, dims, data } = shapes.get(value)!;
    if (!fed.includes(value))
      proto.initializer.push(valuesTensor(value, typeOf(type), dims, data!));
  }
  const info = (name: string, value: string) =>
    valueInfo(name, value, unet, (type) => heldType(type, !widen));
  proto.input.unshift(
    ...segment.inputs.map(({ name, value }) => info(name, value)),
    ...fed.map((value) => info(value, value)),
  );
  proto.output = segment.outputs.map((value) => info(value, value));
  const byRows = computeByRows(
    segment.nodes.map((node) => [
      node,
      segmentNode(unet, segment, node, isWide),
    ]),
    segment.attention,
  );
  proto.node = [...byRows.nodes];
  roundEdges(proto, segment.inputs);
  proto.node = [...casts, ...proto.node];
  proto.initializer.push(...byRows.constants);
  if (isWide && !widen) castEdges(proto);
  return {
    bytes: encode(writeModelProto, wrapped(graph, proto)),
    externalName,
    externalBytes,
    placements,
    fed,
  };
}

/**
 * Writes a whole graph that is never cut, such as a text encoder's, with its weights outside.
 *
 * @param graph the graph
 * @param widen write float16 as float32, for devices that lack it. @default false
 * @param isChanged weights that are changed as they are read: these lie in the external file, however small. @default none
 * @param half what becomes of large float16 weights where they are written as float32: kept, they are widened each time
 * they are used. @default "widened"
 */
export function wholeModel(
  graph: Graph,
  widen = false,
  isChanged?: (weight: string) => boolean,
  half?: HalfWeights,
): SegmentModel {
  const proto = create(readGraphProto, { name: "whole" });
  const names = [...graph.weights.keys()];
  const { casts, ...weights } = writeWeights(
    proto,
    graph,
    names,
    widen,
    isChanged,
    half,
  );
  const source = graph.model.graph!;
  const ends = (values: readonly ValueInfoProto[]) =>
    values.map((value) => {
      const info = clone(value);
      const type = info.type?.tensor_type;
      if (type) type.elem_type = heldType(type.elem_type, !widen);
      return info;
    });
  proto.input.unshift(
    ...ends(source.input.filter((input) => !graph.weights.has(input.name))),
  );
  proto.output = ends(source.output);
  proto.node = [
    ...casts,
    ...graph.nodes.map((node) => copiedNode(node, [...node.inputs], widen)),
  ];
  return {
    bytes: encode(writeModelProto, wrapped(graph, proto)),
    externalName,
    fed: [],
    ...weights,
  };
}

function wrapped(graph: Graph, proto: GraphProto) {
  const { ir_version, opset_import } = graph.model;
  return create(readModelProto, {
    ir_version,
    opset_import,
    producer_name: "phaseskip",
    graph: proto,
  });
}

function valueInfo(
  name: string,
  value: string,
  unet: Unet,
  typeOf: (type: ElementType) => ElementType,
): ValueInfoProto {
  const known = unet.shapes.get(value);
  const declared = unet.graph.outputs.find((output) => output.name === value);
  const elem_type = typeOf((known ?? declared!).type);
  const tensor_type = create(readTypeProtoTensor, {
    elem_type,
    ...(known && { shape: openShape(unet, value) }),
  });
  return create(readValueInfoProto, {
    name,
    type: create(readTypeProto, { tensor_type }),
  });
}

/** A dimension without a value leaves the session open to any size. */
function openShape(unet: Unet, value: string) {
  const dim = unet
    .fixedDims(value)
    .map((size) =>
      create(readTensorShapeProtoDimension, { dim_value: size ?? -1 }),
    );
  return create(readTensorShapeProto, { dim });
}

/** A node whose inputs carry the names that they have in the segment. */
function segmentNode(
  unet: Unet,
  segment: Segment,
  node: GraphNode,
  widen: boolean,
): NodeProto {
  const inputs = node.inputs.map((value, slot) =>
    inputName(unet, segment, node, value, slot),
  );
  const proto = copiedNode(node, inputs, widen);
  if (node.captured.length > 0) {
    const names = new Map(
      node.captured.map((value) => [
        value,
        inputName(unet, segment, node, value, -1),
      ]),
    );
    proto.attribute = proto.attribute.map((attribute) =>
      renameCaptured(attribute, names),
    );
  }
  return proto;
}

function copiedNode(
  node: GraphNode,
  input: string[],
  widen: boolean,
): NodeProto {
  const { attribute, name } = node.proto;
  return create(readNodeProto, {
    name,
    op_type: node.opType,
    domain: node.domain,
    output: [...node.outputs],
    input,
    attribute: attribute.map((one) => widenAttribute(one, !widen)),
  });
}

function inputName(
  unet: Unet,
  segment: Segment,
  node: GraphNode,
  value: string,
  slot: number,
) {
  const between = new Set(unet.units.unitsBetween(value, node, slot));
  const [input] = segment.inputs
    .filter(
      ({ value: read, units }) =>
        read === value && units.every((unit) => between.has(unit)),
    )
    .sort((a, b) => b.units.length - a.units.length);
  return input?.name ?? value;
}
