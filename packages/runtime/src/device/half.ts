// Numbers as float16, where JavaScript has no float16 array of its own.

type HalfArray = new (data: ArrayLike<number>) => ArrayBufferView;

/** A `Float16Array` where there is one, else the bit patterns. */
export function toHalf(data: ArrayLike<number>): ArrayBufferView {
  const { Float16Array } = globalThis as { Float16Array?: HalfArray };
  if (Float16Array) return new Float16Array(data);
  return Uint16Array.from(data, halfBits);
}

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

/** The float16 nearest to a number, ties to even, as a bit pattern. */
export function halfBits(value: number): number {
  scratch[0] = value;
  const bits = scratchBits[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // subnormal: let the float addition of 2^-24's scale round
    return sign | Math.round(roundHalfEven(Math.abs(scratch[0]) * 2 ** 24));
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((rounded - 0x38000000) >>> 13);
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
