// A sum of arrays in float32, as the model between segments makes it on a device: each product and each sum is rounded.

/**
 * `Σ coefficient·array`; new memory.
 * @param arrays of one length
 * @param coefficients one for each; rounded to float32
 */
export function weightedSum(
  arrays: readonly Float32Array[],
  coefficients: readonly number[],
): Float32Array<ArrayBuffer> {
  const [a, b, ...rest] = arrays as [Float32Array, Float32Array | undefined];
  const [p, q = 0, ...others] = coefficients.map(Math.fround) as [number];
  const sum = new Float32Array(a.length);
  if (b) {
    for (let i = 0; i < sum.length; i++)
      sum[i] = Math.fround(p * a[i]!) + Math.fround(q * b[i]!);
  } else {
    for (let i = 0; i < sum.length; i++) sum[i] = p * a[i]!;
  }
  rest.forEach((array, k) => add(sum, array, others[k]!));
  return sum;
}

function add(sum: Float32Array, array: Float32Array, factor: number): void {
  for (let i = 0; i < sum.length; i++)
    sum[i] = sum[i]! + Math.fround(factor * array[i]!);
}
