// float32 arithmetic that rounds where PyTorch's elementwise kernels round: once after
// every product, sum and quotient. Storing into a Float32Array is that rounding.

/**
 * The sum of arrays, each times its weight, added from left to right; every product and every
 * sum is rounded to float32.
 *
 * @param terms pairs of weight (a float32 value) and array; all arrays of one length
 * @returns a new array of that length
 */
export function weightedSum(
  first: readonly [number, Float32Array],
  ...others: readonly (readonly [number, Float32Array])[]
): Float32Array<ArrayBuffer> {
  const sum = scaled(first[1], first[0]);
  for (const [weight, array] of others) {
    for (let i = 0; i < sum.length; i++) {
      sum[i] = sum[i]! + Math.fround(weight * array[i]!);
    }
  }
  return sum;
}

/**
 * An array times a factor.
 *
 * @param array left as it is
 * @param factor a float32 value
 * @returns a new array of the same length
 */
export function scaled(
  array: Float32Array,
  factor: number,
): Float32Array<ArrayBuffer> {
  const result = new Float32Array(array.length);
  for (let i = 0; i < result.length; i++) result[i] = array[i]! * factor;
  return result;
}

/**
 * An array divided by a number. (Multiplying by the reciprocal would round differently.)
 *
 * @param array left as it is
 * @param divisor a float32 value
 * @returns a new array of the same length
 */
export function quotient(
  array: Float32Array,
  divisor: number,
): Float32Array<ArrayBuffer> {
  const result = new Float32Array(array.length);
  for (let i = 0; i < result.length; i++) result[i] = array[i]! / divisor;
  return result;
}

/**
 * `a · b + c` with one rounding to float32, as a fused multiply-add instruction does it. The
 * product of two float32 values is exact in double precision, so only a sum that falls on a tie
 * of both roundings (about one in 2^29) can differ.
 *
 * @param a a float32 value
 * @param b a float32 value
 * @param c a float32 value
 * @returns a float32 value
 */
export function fusedMultiplyAdd(a: number, b: number, c: number): number {
  return Math.fround(a * b + c);
}

/**
 * The square root of a float32 value, rounded to float32.
 *
 * @param value a float32 value, not negative (else NaN)
 * @returns a float32 value
 */
export function sqrt32(value: number): number {
  return Math.fround(Math.sqrt(value));
}
