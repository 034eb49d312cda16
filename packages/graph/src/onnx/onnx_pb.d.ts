// Made from onnx.proto by scripts/compile-schema.mjs.
import type { PbfReader, PbfWriter } from "pbf";
/** ONNX's `AttributeProto`. */
export interface AttributeProto {
  name: string;
  ref_attr_name: string;
  doc_string: string;
  type: number;
  f: number;
  i: number | bigint;
  s: Uint8Array | undefined;
  t: TensorProto | undefined;
  g: GraphProto | undefined;
  sparse_tensor: Uint8Array | undefined;
  tp: Uint8Array | undefined;
  floats: number[];
  ints: (number | bigint)[];
  strings: Uint8Array[];
  tensors: TensorProto[];
  graphs: GraphProto[];
  sparse_tensors: Uint8Array[];
  type_protos: Uint8Array[];
}
/** Reads a message that ends before `end`. */
export declare function readAttributeProto(pbf: PbfReader, end?: number): AttributeProto;
/** Writes a message's fields. */
export declare function writeAttributeProto(obj: AttributeProto, pbf: PbfWriter): void;
/** ONNX's `AttributeProto.AttributeType`: numbers by name. */
export declare const AttributeProtoAttributeType: {
  readonly UNDEFINED: 0;
  readonly FLOAT: 1;
  readonly INT: 2;
  readonly STRING: 3;
  readonly TENSOR: 4;
  readonly GRAPH: 5;
  readonly FLOATS: 6;
  readonly INTS: 7;
  readonly STRINGS: 8;
  readonly TENSORS: 9;
  readonly GRAPHS: 10;
  readonly SPARSE_TENSOR: 11;
  readonly SPARSE_TENSORS: 12;
  readonly TYPE_PROTO: 13;
  readonly TYPE_PROTOS: 14;
};
/** ONNX's `ValueInfoProto`. */
export interface ValueInfoProto {
  name: string;
  type: TypeProto | undefined;
  doc_string: string;
  metadata_props: StringStringEntryProto[];
}
/** Reads a message that ends before `end`. */
export declare function readValueInfoProto(pbf: PbfReader, end?: number): ValueInfoProto;
/** Writes a message's fields. */
export declare function writeValueInfoProto(obj: ValueInfoProto, pbf: PbfWriter): void;
/** ONNX's `NodeProto`. */
export interface NodeProto {
  input: string[];
  output: string[];
  name: string;
  op_type: string;
  domain: string;
  overload: string;
  attribute: AttributeProto[];
  doc_string: string;
  metadata_props: StringStringEntryProto[];
  device_configurations: Uint8Array[];
}
/** Reads a message that ends before `end`. */
export declare function readNodeProto(pbf: PbfReader, end?: number): NodeProto;
/** Writes a message's fields. */
export declare function writeNodeProto(obj: NodeProto, pbf: PbfWriter): void;
/** ONNX's `ModelProto`. */
export interface ModelProto {
  ir_version: number | bigint;
  opset_import: OperatorSetIdProto[];
  producer_name: string;
  producer_version: string;
  domain: string;
  model_version: number | bigint;
  doc_string: string;
  graph: GraphProto | undefined;
  metadata_props: StringStringEntryProto[];
  training_info: Uint8Array[];
  functions: FunctionProto[];
  configuration: Uint8Array[];
}
/** Reads a message that ends before `end`. */
export declare function readModelProto(pbf: PbfReader, end?: number): ModelProto;
/** Writes a message's fields. */
export declare function writeModelProto(obj: ModelProto, pbf: PbfWriter): void;
/** ONNX's `StringStringEntryProto`. */
export interface StringStringEntryProto {
  key: string;
  value: string;
}
/** Reads a message that ends before `end`. */
export declare function readStringStringEntryProto(pbf: PbfReader, end?: number): StringStringEntryProto;
/** Writes a message's fields. */
export declare function writeStringStringEntryProto(obj: StringStringEntryProto, pbf: PbfWriter): void;
/** ONNX's `GraphProto`. */
export interface GraphProto {
  node: NodeProto[];
  name: string;
  initializer: TensorProto[];
  sparse_initializer: Uint8Array[];
  doc_string: string;
  input: ValueInfoProto[];
  output: ValueInfoProto[];
  value_info: ValueInfoProto[];
  quantization_annotation: Uint8Array[];
  metadata_props: StringStringEntryProto[];
}
/** Reads a message that ends before `end`. */
export declare function readGraphProto(pbf: PbfReader, end?: number): GraphProto;
/** Writes a message's fields. */
export declare function writeGraphProto(obj: GraphProto, pbf: PbfWriter): void;
/** ONNX's `TensorProto`. */
export interface TensorProto {
  dims: (number | bigint)[];
  data_type: number;
  segment: Uint8Array | undefined;
  float_data: number[];
  int32_data: number[];
  string_data: Uint8Array[];
  int64_data: (number | bigint)[];
  name: string;
  doc_string: string;
  raw_data: Uint8Array | undefined;
  external_data: StringStringEntryProto[];
  data_location: number;
  double_data: number[];
  uint64_data: (number | bigint)[];
  metadata_props: StringStringEntryProto[];
}
/** Reads a message that ends before `end`. */
export declare function readTensorProto(pbf: PbfReader, end?: number): TensorProto;
/** Writes a message's fields. */
export declare function writeTensorProto(obj: TensorProto, pbf: PbfWriter): void;
/** ONNX's `TensorProto.DataType`: numbers by name. */
export declare const TensorProtoDataType: {
  readonly UNDEFINED: 0;
  readonly FLOAT: 1;
  readonly UINT8: 2;
  readonly INT8: 3;
  readonly UINT16: 4;
  readonly INT16: 5;
  readonly INT32: 6;
  readonly INT64: 7;
  readonly STRING: 8;
  readonly BOOL: 9;
  readonly FLOAT16: 10;
  readonly DOUBLE: 11;
  readonly UINT32: 12;
  readonly UINT64: 13;
  readonly COMPLEX64: 14;
  readonly COMPLEX128: 15;
  readonly BFLOAT16: 16;
  readonly FLOAT8E4M3FN: 17;
  readonly FLOAT8E4M3FNUZ: 18;
  readonly FLOAT8E5M2: 19;
  readonly FLOAT8E5M2FNUZ: 20;
  readonly UINT4: 21;
  readonly INT4: 22;
  readonly FLOAT4E2M1: 23;
  readonly FLOAT8E8M0: 24;
  readonly UINT2: 25;
  readonly INT2: 26;
  readonly FLOAT6E2M3: 27;
  readonly FLOAT6E3M2: 28;
};
/** ONNX's `TensorProto.DataLocation`: numbers by name. */
export declare const TensorProtoDataLocation: {
  readonly DEFAULT: 0;
  readonly EXTERNAL: 1;
};
/** ONNX's `TensorShapeProto`. */
export interface TensorShapeProto {
  dim: TensorShapeProtoDimension[];
}
/** Reads a message that ends before `end`. */
export declare function readTensorShapeProto(pbf: PbfReader, end?: number): TensorShapeProto;
/** Writes a message's fields. */
export declare function writeTensorShapeProto(obj: TensorShapeProto, pbf: PbfWriter): void;
/** ONNX's `TensorShapeProtoDimension`. */
export interface TensorShapeProtoDimension {
  dim_value: number | bigint;
  dim_param: string;
  denotation: string;
}
/** Reads a message that ends before `end`. */
export declare function readTensorShapeProtoDimension(pbf: PbfReader, end?: number): TensorShapeProtoDimension;
/** Writes a message's fields. */
export declare function writeTensorShapeProtoDimension(obj: TensorShapeProtoDimension, pbf: PbfWriter): void;
/** ONNX's `TypeProto`. */
export interface TypeProto {
  tensor_type: TypeProtoTensor | undefined;
  sequence_type: Uint8Array | undefined;
  map_type: Uint8Array | undefined;
  optional_type: Uint8Array | undefined;
  sparse_tensor_type: Uint8Array | undefined;
  opaque_type: Uint8Array | undefined;
  denotation: string;
}
/** Reads a message that ends before `end`. */
export declare function readTypeProto(pbf: PbfReader, end?: number): TypeProto;
/** Writes a message's fields. */
export declare function writeTypeProto(obj: TypeProto, pbf: PbfWriter): void;
/** ONNX's `TypeProtoTensor`. */
export interface TypeProtoTensor {
  elem_type: number;
  shape: TensorShapeProto | undefined;
}
/** Reads a message that ends before `end`. */
export declare function readTypeProtoTensor(pbf: PbfReader, end?: number): TypeProtoTensor;
/** Writes a message's fields. */
export declare function writeTypeProtoTensor(obj: TypeProtoTensor, pbf: PbfWriter): void;
/** ONNX's `OperatorSetIdProto`. */
export interface OperatorSetIdProto {
  domain: string;
  version: number | bigint;
}
/** Reads a message that ends before `end`. */
export declare function readOperatorSetIdProto(pbf: PbfReader, end?: number): OperatorSetIdProto;
/** Writes a message's fields. */
export declare function writeOperatorSetIdProto(obj: OperatorSetIdProto, pbf: PbfWriter): void;
/** ONNX's `FunctionProto`. */
export interface FunctionProto {
  name: string;
  input: string[];
  output: string[];
  attribute: string[];
  attribute_proto: AttributeProto[];
  node: NodeProto[];
  doc_string: string;
  opset_import: OperatorSetIdProto[];
  domain: string;
  overload: string;
  value_info: ValueInfoProto[];
  metadata_props: StringStringEntryProto[];
}
/** Reads a message that ends before `end`. */
export declare function readFunctionProto(pbf: PbfReader, end?: number): FunctionProto;
/** Writes a message's fields. */
export declare function writeFunctionProto(obj: FunctionProto, pbf: PbfWriter): void;
