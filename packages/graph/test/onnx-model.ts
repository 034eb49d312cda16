// Small ONNX models, written by hand.

import type {
  AttributeProto,
  FunctionProto,
  GraphProto,
  ModelProto,
  NodeProto,
  TensorProto,
  ValueInfoProto,
} from "../src/onnx/onnx_pb.js";
import {
  AttributeProtoAttributeType as Kind,
  TensorProtoDataLocation,
  readAttributeProto,
  readFunctionProto,
  readGraphProto,
  readModelProto,
  readNodeProto,
  readOperatorSetIdProto,
  readStringStringEntryProto,
  readTensorProto,
  readTensorShapeProto,
  readTensorShapeProtoDimension,
  readTypeProto,
  readTypeProtoTensor,
  readValueInfoProto,
  writeModelProto,
} from "../src/onnx/onnx_pb.js";
import { create, encode } from "../src/onnx/wire.js";
import { bytesSource } from "../src/byte-source.js";
import type { Graph } from "../src/graph.js";
import { loadGraph } from "../src/load/load-graph.js";
import { valuesTensor } from "../src/onnx/tensor.js";
import { ElementType } from "../src/onnx/types.js";

/** An attribute's value: integers are numbers, floats are `{ float }`, a function's reference is `{ ref }`. */
export type AttributeValue =
  | number
  | readonly number[]
  | string
  | TensorProto
  | GraphProto
  | { readonly float: number }
  | { readonly ref: string; readonly kind: number };

function attribute(name: string, value: AttributeValue): AttributeProto {
  const proto = create(readAttributeProto, { name });
  if (typeof value === "number") {
    proto.type = Kind.INT;
    proto.i = value;
  } else if (typeof value === "string") {
    proto.type = Kind.STRING;
    proto.s = new TextEncoder().encode(value);
  } else if ("float" in value) {
    proto.type = Kind.FLOAT;
    proto.f = value.float;
  } else if ("ref" in value) {
    proto.type = value.kind;
    proto.ref_attr_name = value.ref;
  } else if ("data_type" in value) {
    proto.type = Kind.TENSOR;
    proto.t = value;
  } else if ("node" in value) {
    proto.type = Kind.GRAPH;
    proto.g = value;
  } else {
    proto.type = Kind.INTS;
    proto.ints = [...value];
  }
  return proto;
}

/** A node; `domain:Type` for an operator that is not ONNX's own. */
export function op(
  type: string,
  input: string[],
  output: string[],
  attributes: Record<string, AttributeValue> = {},
  name = "",
): NodeProto {
  const [domain, opType] = type.includes(":") ? type.split(":") : ["", type];
  return create(readNodeProto, {
    op_type: opType!,
    domain: domain!,
    input,
    output,
    name,
    attribute: Object.entries(attributes).map(([key, value]) =>
      attribute(key, value),
    ),
  });
}

/** An input or output. */
export function value(
  name: string,
  dims: readonly (number | string)[],
  elem_type: ElementType = ElementType.FLOAT,
): ValueInfoProto {
  const dim = dims.map((size) =>
    create(
      readTensorShapeProtoDimension,
      typeof size === "string" ? { dim_param: size } : { dim_value: size },
    ),
  );
  const shape = create(readTensorShapeProto, { dim });
  const tensor_type = create(readTypeProtoTensor, { elem_type, shape });
  const type = create(readTypeProto, { tensor_type });
  return create(readValueInfoProto, { name, type });
}

/** A weight of ones with `raw_data`. */
export function weight(name: string, dims: readonly number[]): TensorProto {
  const count = dims.reduce((a, b) => a * b, 1);
  return create(readTensorProto, {
    name,
    data_type: ElementType.FLOAT,
    dims: [...dims],
    raw_data: new Uint8Array(new Float32Array(count).fill(1).buffer),
  });
}

/** A weight of integers in typed fields. */
export function integers(
  name: string,
  values: readonly number[],
  dims: readonly number[] = [values.length],
): TensorProto {
  return create(readTensorProto, {
    name,
    data_type: ElementType.INT64,
    dims: [...dims],
    int64_data: [...values],
  });
}

/** A weight with the given elements. */
export function weightOf(
  name: string,
  type: ElementType,
  dims: readonly number[],
  values: readonly number[],
): TensorProto {
  return valuesTensor(name, type, dims, values);
}

/** A weight in an external file. */
export function external(
  name: string,
  dims: readonly number[],
  entries: Record<string, string>,
): TensorProto {
  return create(readTensorProto, {
    name,
    data_type: ElementType.FLOAT,
    dims: [...dims],
    data_location: TensorProtoDataLocation.EXTERNAL,
    external_data: Object.entries(entries).map(([key, text]) =>
      create(readStringStringEntryProto, { key, value: text }),
    ),
  });
}

/** A graph, also a body of an `If`. */
export function graphOf(
  node: NodeProto[],
  input: ValueInfoProto[],
  output: ValueInfoProto[],
  initializer: TensorProto[] = [],
): GraphProto {
  return create(readGraphProto, {
    name: "graph",
    node,
    input,
    output,
    initializer,
  });
}

/** A local function. */
export function localFunction(
  domain: string,
  name: string,
  input: string[],
  output: string[],
  node: NodeProto[],
  attributes: string[] = [],
): FunctionProto {
  return create(readFunctionProto, {
    domain,
    name,
    input,
    output,
    node,
    attribute: attributes,
    opset_import: [opset("", 17), opset(domain, 1)],
  });
}

function opset(domain: string, version: number) {
  return create(readOperatorSetIdProto, { domain, version });
}

/** A model's file. */
export function modelBytes(
  graph: GraphProto,
  options: {
    opsets?: Record<string, number>;
    functions?: FunctionProto[];
  } = {},
): Uint8Array<ArrayBuffer> {
  const model: ModelProto = create(readModelProto, {
    ir_version: 8,
    opset_import: Object.entries(options.opsets ?? { "": 17 }).map(([d, v]) =>
      opset(d, v),
    ),
    functions: options.functions ?? [],
    graph,
  });
  return encode(writeModelProto, model);
}

/** A model, read. */
export function readModel(
  graph: GraphProto,
  options: Parameters<typeof modelBytes>[1] = {},
): Promise<Graph> {
  return loadGraph(bytesSource(modelBytes(graph, options)), "model.onnx");
}
