// Measures on raw samples: the floats before they become an 8-bit picture, of any shape.

/**
 * Euclidean norm of the difference over that of the reference.
 * @param sample values of any shape, row-major
 * @param reference values of the same shape
 * @returns 0 for equal samples; `Infinity` if only the reference is all zeros
 * @throws {TypeError} If the lengths differ.
 * @throws {RangeError} If they are empty.
 */
export function relativeL2(
  sample: ArrayLike<number>,
  reference: ArrayLike<number>,
): number {
  if (sample.length !== reference.length) {
    throw new TypeError(
      `Cannot compute the relative L2 distance as both samples must have the same length: ` +
        `current values are ${sample.length} and ${reference.length}`,
    );
  }
  if (sample.length === 0) {
    throw new RangeError(
      "Cannot compute the relative L2 distance as the samples must hold at least one value: " +
        "current length is 0",
    );
  }
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < sample.length; i++) {
    difference += (sample[i]! - reference[i]!) ** 2;
    norm += reference[i]! ** 2;
  }
  return difference === 0 ? 0 : Math.sqrt(difference / norm);
}

/**
 * Share of the values that the way to an 8-bit picture clips: those outside `[-1, 1]`, and NaN.
 * @param sample values of any shape, before the clamp
 * @returns a value in `[0, 1]`
 * @throws {RangeError} If the sample is empty.
 */
export function clippedShare(sample: ArrayLike<number>): number {
  if (sample.length === 0) {
    throw new RangeError(
      "Cannot compute the clipped share as the sample must hold at least one value: " +
        "current length is 0",
    );
  }
  let clipped = 0;
  for (let i = 0; i < sample.length; i++) {
    const isKept = sample[i]! >= -1 && sample[i]! <= 1;
    if (!isKept) clipped++;
  }
  return clipped / sample.length;
}
