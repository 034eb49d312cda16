// Small ONNX models, written by hand.

import { create, toBinary } from "@bufbuild/protobuf";
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
  AttributeProtoSchema,
  AttributeProto_AttributeType as Kind,
  FunctionProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  TensorProtoSchema,
  TensorProto_DataLocation,
  ValueInfoProtoSchema,
} from "../src/onnx/onnx_pb.js";
import { bytesSource } from "../src/byte-source.js";
import type { Graph } from "../src/graph.js";
import { loadGraph } from "../src/load-graph.js";
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
  | { readonly ref: string; readonly kind: Kind };

function attribute(name: string, value: AttributeValue): AttributeProto {
  const proto = create(AttributeProtoSchema, { name });
  if (typeof value === "number") {
    proto.type = Kind.INT;
    proto.i = BigInt(value);
  } else if (typeof value === "string") {
    proto.type = Kind.STRING;
    proto.s = new TextEncoder().encode(value);
  } else if ("float" in value) {
    proto.type = Kind.FLOAT;
    proto.f = value.float;
  } else if ("ref" in value) {
    proto.type = value.kind;
    proto.refAttrName = value.ref;
  } else if ("dataType" in value) {
    proto.type = Kind.TENSOR;
    proto.t = value;
  } else if ("node" in value) {
    proto.type = Kind.GRAPH;
    proto.g = value;
  } else {
    proto.type = Kind.INTS;
    proto.ints = value.map(BigInt);
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
  return create(NodeProtoSchema, {
    opType: opType!,
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
  elemType: ElementType = ElementType.FLOAT,
): ValueInfoProto {
  const dim = dims.map((size) => ({
    value:
      typeof size === "string"
        ? ({ case: "dimParam", value: size } as const)
        : ({ case: "dimValue", value: BigInt(size) } as const),
  }));
  return create(ValueInfoProtoSchema, {
    name,
    type: {
      value: { case: "tensorType", value: { elemType, shape: { dim } } },
    },
  });
}

/** A weight of ones with `raw_data`. */
export function weight(name: string, dims: readonly number[]): TensorProto {
  const count = dims.reduce((a, b) => a * b, 1);
  return create(TensorProtoSchema, {
    name,
    dataType: ElementType.FLOAT,
    dims: dims.map(BigInt),
    rawData: new Uint8Array(new Float32Array(count).fill(1).buffer),
  });
}

/** A weight of integers in typed fields. */
export function integers(
  name: string,
  values: readonly number[],
  dims: readonly number[] = [values.length],
): TensorProto {
  return create(TensorProtoSchema, {
    name,
    dataType: ElementType.INT64,
    dims: dims.map(BigInt),
    int64Data: values.map(BigInt),
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
  return create(TensorProtoSchema, {
    name,
    dataType: ElementType.FLOAT,
    dims: dims.map(BigInt),
    dataLocation: TensorProto_DataLocation.EXTERNAL,
    externalData: Object.entries(entries).map(([key, text]) =>
      create(StringStringEntryProtoSchema, { key, value: text }),
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
  return create(GraphProtoSchema, {
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
  return create(FunctionProtoSchema, {
    domain,
    name,
    input,
    output,
    node,
    attribute: attributes,
    opsetImport: [opset("", 17), opset(domain, 1)],
  });
}

function opset(domain: string, version: number) {
  return create(OperatorSetIdProtoSchema, { domain, version: BigInt(version) });
}

/** A model's file. */
export function modelBytes(
  graph: GraphProto,
  options: {
    opsets?: Record<string, number>;
    functions?: FunctionProto[];
  } = {},
): Uint8Array<ArrayBuffer> {
  const model: ModelProto = create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: Object.entries(options.opsets ?? { "": 17 }).map(([d, v]) =>
      opset(d, v),
    ),
    functions: options.functions ?? [],
    graph,
  });
  return toBinary(ModelProtoSchema, model) as Uint8Array<ArrayBuffer>;
}

/** A model, read. */
export function readModel(
  graph: GraphProto,
  options: Parameters<typeof modelBytes>[1] = {},
): Promise<Graph> {
  return loadGraph(bytesSource(modelBytes(graph, options)), "model.onnx");
}
