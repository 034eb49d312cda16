// Element types of ONNX tensors: their numbers, names and sizes.

import { TensorProtoDataType as T } from "./onnx_pb.js";

/** ONNX's number of an element type (`TensorProto.DataType`). */
export type ElementType = number;

/** ONNX's element types by name, such as `ElementType.FLOAT16`. */
export const ElementType = T;

/** Bytes of one element; a fraction for the packed 4-bit types, `undefined` for strings. */
export function elementSize(type: ElementType): number | undefined {
  switch (type) {
    case T.FLOAT:
    case T.INT32:
    case T.UINT32:
      return 4;
    case T.FLOAT16:
    case T.BFLOAT16:
    case T.INT16:
    case T.UINT16:
      return 2;
    case T.DOUBLE:
    case T.INT64:
    case T.UINT64:
    case T.COMPLEX64:
      return 8;
    case T.UINT8:
    case T.INT8:
    case T.BOOL:
    case T.FLOAT8E4M3FN:
    case T.FLOAT8E4M3FNUZ:
    case T.FLOAT8E5M2:
    case T.FLOAT8E5M2FNUZ:
      return 1;
    case T.INT4:
    case T.UINT4:
      return 0.5;
    default:
      return undefined;
  }
}

/** Whether values of this type carry a picture's signal: the types that actions apply to. */
export function isFloat(type: ElementType): boolean {
  return (
    type === T.FLOAT ||
    type === T.FLOAT16 ||
    type === T.DOUBLE ||
    type === T.BFLOAT16
  );
}

/** The type's name in messages, such as `float16`. */
export function elementName(type: ElementType): string {
  const [name] = Object.entries(T).find(([, number]) => number === type) ?? [
    `type ${type}`,
  ];
  return name.toLowerCase();
}
