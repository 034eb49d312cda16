// The natural logarithm of float32 values as NumPy takes it, bit for bit: a rational
// approximation with fused multiply-adds, off by up to four last bits. Timesteps that diffusers
// truncates after such logarithms (`_sigma_to_t`) would otherwise land one lower here and there.
// NumPy 2.4, numpy/_core/src/umath/loops_exponent_log.dispatch.c.src, on x86-64 with AVX2.

import { fusedMultiplyAdd as fma } from "../float32.js";

const f = Math.fround;

const P = [
  2.589979117907922693e-2, 3.80883774138840792e-1, 1.480000633576506585,
  2.112677543073053063, 9.999999999999998702e-1, 0,
].map(f);
const Q = [
  5.875095403124574342e-3, 1.546476374983906719e-1, 9.86494295851941896e-1,
  2.453006071784736363, 2.612677543073109236, 1,
].map(f);
const LOG_2 = f(Math.LN2);

/**
 * `numpy.log` of a float32 value.
 *
 * @param value a float32 value, not negative
 * @returns a float32 value; −Infinity for 0
 */
export function numpyLog32(value: number): number {
  if (value === 0 || value === Infinity) return Math.log(value);
  let exponent = Math.floor(Math.log2(value));
  let mantissa = value / 2 ** exponent;
  if (mantissa < 1) [exponent, mantissa] = [exponent - 1, mantissa * 2];
  if (mantissa > f(Math.SQRT2))
    [exponent, mantissa] = [exponent + 1, mantissa / 2];
  const x = f(mantissa - 1);
  const ratio = f(horner(P, x) / horner(Q, x));
  return fma(exponent, LOG_2, ratio);
}

function horner(coefficients: readonly number[], x: number): number {
  return coefficients.reduce((sum, coefficient) => fma(sum, x, coefficient));
}
