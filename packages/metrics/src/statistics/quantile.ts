// Mean, median, quantiles.

/**
 * The arithmetic mean.
 * @throws {RangeError} If there are no values.
 */
export function mean(values: ArrayLike<number>): number {
  checkNotEmpty("compute the mean", values);
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

/**
 * The middle value, or the mean of the two middle ones.
 * @throws {RangeError} If there are no values, or one is NaN.
 */
export function median(values: ArrayLike<number>): number {
  return quantile(values, 0.5);
}

/**
 * The value below which a share of the others lies, linear between neighbours (numpy's
 * default, Hyndman and Fan's type 7).
 * @param share in `[0, 1]`: 0 the smallest, 1 the largest value
 * @throws {RangeError} If there are no values, one is NaN, or `share` is outside `[0, 1]`.
 */
export function quantile(values: ArrayLike<number>, share: number): number {
  const attempt = "compute a quantile";
  checkNotEmpty(attempt, values);
  const sorted = Float64Array.from(values).sort();
  if (Number.isNaN(sorted[sorted.length - 1])) {
    throw new RangeError(
      `Cannot ${attempt} as every value must be a number: current values hold NaN`,
    );
  }
  return sortedQuantile(sorted, share);
}

/**
 * {@link quantile} of values that are already in ascending order and free of NaN.
 * @throws {RangeError} If `share` is outside `[0, 1]`.
 */
export function sortedQuantile(sorted: Float64Array, share: number): number {
  if (!(share >= 0 && share <= 1)) {
    throw new RangeError(
      `Cannot compute a quantile as its share must be in [0, 1]: current value is ${share}`,
    );
  }
  const position = share * (sorted.length - 1);
  const below = sorted[Math.floor(position)]!;
  const above = sorted[Math.ceil(position)]!;
  // Infinite neighbours would make 0 · Infinity.
  if (below === above) return below;
  return below + (position - Math.floor(position)) * (above - below);
}

function checkNotEmpty(attempt: string, values: ArrayLike<number>): void {
  if (values.length === 0) {
    throw new RangeError(
      `Cannot ${attempt} as there must be at least one value: current number is 0`,
    );
  }
}
