// Spearman's rank correlation.

import { mean } from "./quantile.js";

/**
 * Correlation of the ranks of two lists; equal values share the mean of their ranks.
 * @returns a value in `[-1, 1]`; NaN if all values of one list are equal, as there is then no
 *   order to compare
 * @throws {TypeError} If the lengths differ.
 * @throws {RangeError} If there are fewer than 2 pairs, or a value is NaN.
 */
export function spearman(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const attempt = "compute the rank correlation";
  if (a.length !== b.length) {
    throw new TypeError(
      `Cannot ${attempt} as both lists must have the same length: ` +
        `current values are ${a.length} and ${b.length}`,
    );
  }
  if (a.length < 2) {
    throw new RangeError(
      `Cannot ${attempt} as there must be at least 2 pairs: current number is ${a.length}`,
    );
  }
  const ranksA = ranks(attempt, a);
  const ranksB = ranks(attempt, b);
  const middle = mean(ranksA);
  let covariance = 0;
  let varianceA = 0;
  let varianceB = 0;
  for (let i = 0; i < ranksA.length; i++) {
    const deviationA = ranksA[i]! - middle;
    const deviationB = ranksB[i]! - middle;
    covariance += deviationA * deviationB;
    varianceA += deviationA ** 2;
    varianceB += deviationB ** 2;
  }
  const correlation = covariance / Math.sqrt(varianceA * varianceB);
  return Math.max(-1, Math.min(1, correlation));
}

/** Ranks from 1 in ascending order. */
function ranks(attempt: string, values: ArrayLike<number>): Float64Array {
  const order = Array.from(values, (value, index) => ({ value, index }));
  if (order.some(({ value }) => Number.isNaN(value))) {
    throw new RangeError(
      `Cannot ${attempt} as every value must be a number: current values hold NaN`,
    );
  }
  order.sort((x, y) => (x.value < y.value ? -1 : x.value > y.value ? 1 : 0));
  const result = new Float64Array(order.length);
  for (let start = 0, end = 0; start < order.length; start = end) {
    while (end < order.length && order[end]!.value === order[start]!.value)
      end++;
    // Positions start … end − 1 hold the ranks start + 1 … end.
    const shared = (start + 1 + end) / 2;
    for (let i = start; i < end; i++) result[order[i]!.index] = shared;
  }
  return result;
}
