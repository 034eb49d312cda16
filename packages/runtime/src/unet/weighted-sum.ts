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
  const first = arrays[0]!;
  const sum = new Float32Array(first.length);
  const factor = Math.fround(coefficients[0]!);
  for (let i = 0; i < sum.length; i++) sum[i] = factor * first[i]!;
  for (let k = 1; k < arrays.length; k++)
    add(sum, arrays[k]!, coefficients[k]!);
  return sum;
}

function add(
  sum: Float32Array,
  array: Float32Array,
  coefficient: number,
): void {
  const factor = Math.fround(coefficient);
  for (let i = 0; i < sum.length; i++)
    sum[i] = sum[i]! + Math.fround(factor * array[i]!);
}
