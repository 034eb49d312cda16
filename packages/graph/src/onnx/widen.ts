// float16 to float32, exactly: which types that concerns, and the bytes.

import { halfToNumber } from "./tensor.js";
import { ElementType } from "./types.js";

/**
 * The type in which a device holds values of a type.
 * @param hasHalf whether it computes in float16; where not, float16 is widened
 */
export function heldType(type: ElementType, hasHalf: boolean): ElementType {
  return type === ElementType.FLOAT16 && !hasHalf ? ElementType.FLOAT : type;
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
  target: Uint8Array<ArrayBuffer> = new Uint8Array(half.byteLength * 2),
): Uint8Array<ArrayBuffer> {
  const source = new DataView(half.buffer, half.byteOffset, half.byteLength);
  const values = widened();
  const isAligned = target.byteOffset % 4 === 0;
  if (!isAligned)
    throw new RangeError(
      "Cannot widen float16 as the target must be aligned to 4 bytes",
    );
  const count = half.byteLength / 2;
  const floats = new Float32Array(target.buffer, target.byteOffset, count);
  for (let i = 0; i < count; i++)
    floats[i] = values[source.getUint16(i * 2, true)]!;
  return target;
}
