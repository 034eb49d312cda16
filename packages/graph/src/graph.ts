// A Unet's ONNX graph, made plain: local functions inlined, constants and their aliases turned into
// weights, nodes in an order in which they can run. What a value is made of is looked up here.

import type {
  AttributeProto,
  ModelProto,
  NodeProto,
  TensorProto,
} from "./onnx/onnx_pb.js";
import type { WeightRange } from "./onnx/read.js";
import type { ElementType } from "./onnx/types.js";

/** One operation of the graph. */
export interface GraphNode {
  /** Place in `Graph.nodes`. */
  readonly index: number;
  /** Operator, such as `Conv`. */
  readonly opType: string;
  /** Operator set; "" is ONNX's own. */
  readonly domain: string;
  /** Values read, by slot; "" where an optional input is left out. */
  readonly inputs: readonly string[];
  /** Values of the graph that the bodies of an `If` or a loop read. */
  readonly captured: readonly string[];
  /** Values made, by slot; "" where an optional output is left out. */
  readonly outputs: readonly string[];
  /** Attributes by name. */
  readonly attributes: ReadonlyMap<string, AttributeProto>;
  /** Names of the modules around it, outermost first, each a whole path; empty where names are gone. */
  readonly scopes: readonly string[];
  /** The node as it stands in the file. */
  readonly proto: NodeProto;
  /** Whether it adds what ControlNets make to a value of the Unet. @default false */
  readonly isJoint?: boolean;
}

/** A constant of the graph: its data are in the parsed file or in a byte range of a file. */
export interface Weight {
  /** Its name in the file. */
  readonly name: string;
  /** The type it has in the file. */
  readonly type: ElementType;
  /** Sizes of its axes, outermost first; `[]` for a scalar. */
  readonly dims: readonly number[];
  /** Bytes of its data in the file. */
  readonly byteLength: number;
  /** The data, or where they lie. */
  readonly data: TensorProto | WeightRange;
}

/** An input or output of the graph. */
export interface GraphValue {
  /** Its name in the file. */
  readonly name: string;
  /** The type of its elements. */
  readonly type: ElementType;
  /** Its dimensions as declared: a number, or the name of a free one; undefined where unranked. */
  readonly dims: readonly (number | string)[] | undefined;
}

/** A Unet's graph. */
export interface Graph {
  /** The file's model without its graph's nodes and weights: versions, operator sets. */
  readonly model: ModelProto;
  /** In an order in which they can run. */
  readonly nodes: readonly GraphNode[];
  /** Initializers by name. */
  readonly weights: ReadonlyMap<string, Weight>;
  /** What a run feeds: initializers are not among them. */
  readonly inputs: readonly GraphValue[];
  /** What a run gives. */
  readonly outputs: readonly GraphValue[];
  /** Which node makes a value. */
  readonly producers: ReadonlyMap<string, GraphNode>;
  /** Which nodes read a value, each once. */
  readonly consumers: ReadonlyMap<string, readonly GraphNode[]>;
}

/** All values that a node reads, its bodies' included; left-out inputs are not among them. */
export function valuesRead(node: GraphNode): string[] {
  return [...node.inputs.filter((name) => name !== ""), ...node.captured];
}

/** An integer attribute, or `fallback` where the node has none. */
export function intAttribute(
  node: GraphNode,
  name: string,
  fallback: number,
): number {
  const attribute = node.attributes.get(name);
  return attribute ? Number(attribute.i) : fallback;
}

/** A list-of-integers attribute, or undefined. */
export function intsAttribute(
  node: GraphNode,
  name: string,
): number[] | undefined {
  return node.attributes.get(name)?.ints.map(Number);
}

/** A string attribute, or `fallback`. */
export function stringAttribute(
  node: GraphNode,
  name: string,
  fallback: string,
): string {
  const attribute = node.attributes.get(name);
  return attribute ? new TextDecoder().decode(attribute.s) : fallback;
}
