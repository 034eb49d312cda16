// Sets of feature vectors, as the Fréchet and the kernel distance take them.

/** One vector for each picture, all of the same number of dimensions. */
export type Features = readonly ArrayLike<number>[];

/**
 * Checks two sets that are to be compared.
 * @param attempt what the caller was about to do, for the message
 * @returns the number of dimensions
 * @throws {TypeError} If the vectors differ in their number of dimensions.
 * @throws {RangeError} If a set has fewer than 2 vectors, or a value is not finite.
 */
export function checkFeatures(
  attempt: string,
  a: Features,
  b: Features,
): number {
  const dimensions = a[0]?.length ?? 0;
  for (const set of [a, b]) {
    if (set.length < 2) {
      throw new RangeError(
        `Cannot ${attempt} as each set must hold at least 2 vectors: ` +
          `current number is ${set.length}`,
      );
    }
    for (const vector of set) checkVector(attempt, vector, dimensions);
  }
  return dimensions;
}

function checkVector(
  attempt: string,
  vector: ArrayLike<number>,
  dimensions: number,
): void {
  if (vector.length !== dimensions || dimensions === 0) {
    throw new TypeError(
      `Cannot ${attempt} as all vectors must have the same number of dimensions, at least 1: ` +
        `current values are ${dimensions} and ${vector.length}`,
    );
  }
  for (let i = 0; i < dimensions; i++) {
    if (!Number.isFinite(vector[i])) {
      throw new RangeError(
        `Cannot ${attempt} as every feature must be finite: current value is ${vector[i]}`,
      );
    }
  }
}
