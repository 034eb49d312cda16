// float16 and bfloat16 to float32, exactly: which types that concerns, and the bytes.

import { halfToNumber } from "./tensor.js";
import { ElementType } from "./types.js";

/**
 * The type in which a device holds values of a type: bfloat16 is widened everywhere.
 * @param hasHalf whether it computes in float16; where not, float16 is widened
 */
export function heldType(type: ElementType, hasHalf: boolean): ElementType {
  const isWidened =
    type === ElementType.BFLOAT16 || (type === ElementType.FLOAT16 && !hasHalf);
  return isWidened ? ElementType.FLOAT : type;
}

let table: Float32Array<ArrayBuffer> | undefined;

/** Every float16 has one float32 of the same value; all 65,536 fit a table. */
function widened(): Float32Array<ArrayBuffer> {
  return (table ??= Float32Array.from({ length: 1 << 16 }, (_, bits) =>
    halfToNumber(bits),
  ));
}

/**
 * Widens little-endian float16 bytes to little-endian float32 bytes, twice as many.
 *
 * @param half the float16 bytes
 * @param target where to write; new memory if it is left out
 */
export function widenHalf(
  half: Uint8Array,
  target?: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  return widenFloats(ElementType.FLOAT16, half, target);
}

/**
 * Widens little-endian float16 or bfloat16 bytes to little-endian float32 bytes, twice as many.
 *
 * @param type which of the two
 * @param narrow their bytes
 * @param target where to write; new memory if it is left out
 */
export function widenFloats(
  type: ElementType,
  narrow: Uint8Array,
  target: Uint8Array<ArrayBuffer> = new Uint8Array(narrow.byteLength * 2),
): Uint8Array<ArrayBuffer> {
  // unaligned bytes are copied: a view of whole numbers is several times as fast as reading them one by one
  const { buffer, byteOffset } =
    narrow.byteOffset % 2 === 0 ? narrow : narrow.slice();
  const source = new Uint16Array(buffer, byteOffset, narrow.byteLength / 2);
  const isAligned = target.byteOffset % 4 === 0;
  if (!isAligned)
    throw new RangeError(
      "Cannot widen float16 as the target must be aligned to 4 bytes",
    );
  const count = source.length;
  if (type === ElementType.BFLOAT16) {
    // the upper half of a float32
    const bits = new Uint32Array(target.buffer, target.byteOffset, count);
    for (let i = 0; i < count; i++) bits[i] = source[i]! << 16;
    return target;
  }
  const values = widened();
  const floats = new Float32Array(target.buffer, target.byteOffset, count);
  for (let i = 0; i < count; i++) floats[i] = values[source[i]!]!;
  return target;
}
