// Values of small tensors as numbers, and numbers as tensors.

import type { TensorProto } from "./onnx_pb.js";
import { readTensorProto } from "./onnx_pb.js";
import { ElementType, elementSize } from "./types.js";
import { create } from "./wire.js";

/** Number of elements of a shape; 1 for a scalar's `[]`. */
export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

/** Axes that a shape may have: NumPy's limit. */
const mostAxes = 64;

/** Whether sizes of axes are those of something that can be: whole, not negative, few, of a count that is exact. */
export function isShape(dims: readonly (number | undefined)[]): boolean {
  const isSize = (dim: number | undefined) =>
    Number.isSafeInteger(dim) && dim! >= 0;
  if (dims.length > mostAxes || !dims.every(isSize)) return false;
  return Number.isSafeInteger(elementCount(dims as readonly number[]));
}

/** The tensor's shape. */
export function tensorDims(tensor: TensorProto): number[] {
  return tensor.dims.map(Number);
}

/**
 * The little-endian bytes of a tensor that holds its own data, whether as `raw_data` or as typed fields.
 * A view where the tensor has raw data.
 */
export function tensorBytes(tensor: TensorProto): Uint8Array {
  if (tensor.raw_data?.length) return tensor.raw_data;
  const type = tensor.data_type;
  const values: readonly (number | bigint)[] =
    type === ElementType.FLOAT
      ? tensor.float_data
      : type === ElementType.DOUBLE
        ? tensor.double_data
        : type === ElementType.INT64
          ? tensor.int64_data
          : type === ElementType.UINT64 || type === ElementType.UINT32
            ? tensor.uint64_data
            : tensor.int32_data;
  return encode(type, values);
}

/** The elements of a small tensor; integers of 64 bits are rounded to the nearest double. */
export function tensorValues(tensor: TensorProto): number[] {
  return decode(tensor.data_type, tensorBytes(tensor));
}

/**
 * A tensor with the given elements as raw data.
 *
 * @param values row-major; booleans as 0 and 1
 */
export function valuesTensor(
  name: string,
  type: ElementType,
  dims: readonly number[],
  values: readonly (number | bigint)[],
): TensorProto {
  return create(readTensorProto, {
    name,
    data_type: type,
    dims: [...dims],
    raw_data: encode(type, values),
  });
}

const int64Max = 2n ** 63n - 1n;
const int64Min = -(2n ** 63n);

function toInt64(value: number | bigint): bigint {
  const integer = typeof value === "bigint" ? value : BigInt(Math.trunc(value));
  return integer > int64Max
    ? int64Max
    : integer < int64Min
      ? int64Min
      : integer;
}

function encode(
  type: ElementType,
  values: readonly (number | bigint)[],
): Uint8Array {
  const size = elementSize(type);
  if (size === undefined || size < 1)
    throw new Error(`tensors of type ${type} are not supported`);
  const bytes = new Uint8Array(values.length * size);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    const at = i * size;
    if (type === ElementType.FLOAT) view.setFloat32(at, Number(value), true);
    else if (type === ElementType.DOUBLE)
      view.setFloat64(at, Number(value), true);
    else if (type === ElementType.INT64)
      view.setBigInt64(at, toInt64(value), true);
    else if (type === ElementType.UINT64)
      view.setBigUint64(at, BigInt(value), true);
    else if (size === 4) view.setUint32(at, Number(value) >>> 0, true);
    // float16 in typed fields is its bit pattern, as ONNX stores it
    else if (size === 2) view.setUint16(at, Number(value) & 0xffff, true);
    else view.setUint8(at, Number(value) & 0xff);
  });
  return bytes;
}

function decode(type: ElementType, bytes: Uint8Array): number[] {
  const size = elementSize(type);
  if (size === undefined || size < 1)
    throw new Error(`tensors of type ${type} are not supported`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: Math.floor(bytes.byteLength / size) }, (_, i) => {
    const at = i * size;
    switch (type) {
      case ElementType.FLOAT:
        return view.getFloat32(at, true);
      case ElementType.DOUBLE:
        return view.getFloat64(at, true);
      case ElementType.FLOAT16:
        return halfToNumber(view.getUint16(at, true));
      case ElementType.BFLOAT16:
        return bfloatToNumber(view.getUint16(at, true));
      case ElementType.INT64:
        return Number(view.getBigInt64(at, true));
      case ElementType.UINT64:
        return Number(view.getBigUint64(at, true));
      case ElementType.INT32:
        return view.getInt32(at, true);
      case ElementType.UINT32:
        return view.getUint32(at, true);
      case ElementType.INT16:
        return view.getInt16(at, true);
      case ElementType.UINT16:
        return view.getUint16(at, true);
      case ElementType.INT8:
        return view.getInt8(at);
      default:
        return view.getUint8(at);
    }
  });
}

/** The number that a bfloat16 bit pattern stands for: the upper half of a float32. */
function bfloatToNumber(bits: number): number {
  return new Float32Array(Uint32Array.of(bits << 16).buffer)[0]!;
}

/** The number that a float16 bit pattern stands for. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
