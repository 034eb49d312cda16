// Box-Muller on sixteen numbers at a time, as PyTorch's CPU kernel for 16 and more normal
// numbers does it on x86-64 with AVX2 or AVX-512 (ATen/native/cpu/DistributionTemplates.h).
// Its logarithm, sine and cosine are single-precision Cephes polynomials (S. Moshier) with
// fused multiply-adds; they are evaluated here in the same order with the same roundings, so
// that no JavaScript engine's Math.log or Math.sin has a say in the numbers.

import { fusedMultiplyAdd as fma, sqrt32 } from "../float32.js";

const f = Math.fround;

/** How many numbers {@link normalFill16} works on. */
export const NORMAL_BLOCK = 16;

const TWO_PI = f(2 * Math.PI);
const FOUR_OVER_PI = f(1.27323954473516);
const SQRT_HALF = f(0.707106781186547524);
const LOG_2_LOW = f(-2.1219444e-4);
const LOG_2_HIGH = f(0.693359375);
const LOG = [
  7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1,
  1.4249322787e-1, -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1,
  3.3333331174e-1,
].map(f);
const QUARTER_PI = [
  0.78515625, 2.4187564849853515625e-4, 3.77489497744594108e-8,
].map(f);
const COS = [
  2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2,
].map(f);
const SIN = [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1].map(f);

const floatBits = new Float32Array(1);
const intBits = new Int32Array(floatBits.buffer);

/**
 * Turns sixteen uniform numbers into sixteen standard normal ones, in place: number j and
 * number j + 8 of the block give the normal numbers j and j + 8.
 *
 * @param values uniform in [0, 1), multiples of 2^-24; overwritten
 * @param at index of the block's first number
 */
export function normalFill16(values: Float32Array, at: number): void {
  for (let j = at; j < at + 8; j++) {
    const radius = sqrt32(f(-2 * log(f(1 - values[j]!))));
    const [sin, cos] = sinCos(f(TWO_PI * values[j + 8]!));
    values[j] = radius * cos;
    values[j + 8] = radius * sin;
  }
}

/** The natural logarithm of a positive normal float32 number. */
function log(value: number): number {
  floatBits[0] = value;
  const bits = intBits[0]!;
  intBits[0] = (bits & 0x007fffff) | 0x3f000000;
  let x = floatBits[0]; // the mantissa, in [0.5, 1)
  let exponent = (bits >> 23) - 126;
  if (x < SQRT_HALF) {
    exponent -= 1;
    x = f(f(x - 1) + x);
  } else {
    x = f(x - 1);
  }
  const z = f(x * x);
  let y = horner(LOG, x);
  y = fma(f(y * x), z, f(exponent * LOG_2_LOW));
  y = fma(z, -0.5, y);
  return fma(exponent, LOG_2_HIGH, f(x + y));
}

/** Sine and cosine of an angle in [0, 2π). */
function sinCos(angle: number): readonly [sin: number, cos: number] {
  const octant = (Math.trunc(f(angle * FOUR_OVER_PI)) + 1) & ~1;
  let x = angle;
  for (const part of QUARTER_PI) x = fma(-octant, part, x);
  const z = f(x * x);
  const c = f(fma(f(horner(COS, z) * z), z, -f(z * 0.5)) + 1);
  const s = fma(f(horner(SIN, z) * z), x, x);
  const isSwapped = (octant & 2) !== 0;
  const sin = isSwapped ? c : s;
  const cos = isSwapped ? s : c;
  return [octant & 4 ? -sin : sin, (octant - 2) & 4 ? cos : -cos];
}

function horner(coefficients: readonly number[], x: number): number {
  return coefficients.reduce((sum, coefficient) => fma(sum, x, coefficient));
}
