// The kernel distance of two sets of feature vectors: squared maximum mean discrepancy with a
// polynomial kernel. It may be called KID only with Inception's features on the usual protocol.

import { checkFeatures, type Features } from "./features.js";

/**
 * Unbiased estimate of the squared maximum mean discrepancy with the kernel (x · y / d + 1)³,
 * over all vectors at once. Being unbiased, it can be slightly negative.
 * @param a at least 2 vectors of d dimensions
 * @param b at least 2 vectors of d dimensions
 * @throws {TypeError} If the vectors differ in their number of dimensions.
 * @throws {RangeError} If a set has fewer than 2 vectors, or a value is not finite.
 * @see Bińkowski et al., "Demystifying MMD GANs", 2018, section 4
 */
export function kernelDistance(a: Features, b: Features): number {
  const size = checkFeatures("compute the kernel distance", a, b);
  let between = 0;
  for (const x of a) {
    for (const y of b) between += kernel(x, y, size);
  }
  return (
    meanWithin(a, size) +
    meanWithin(b, size) -
    (2 * between) / (a.length * b.length)
  );
}

/** Mean of the kernel over all pairs of different vectors of one set. */
function meanWithin(features: Features, size: number): number {
  let sum = 0;
  for (let i = 0; i < features.length; i++) {
    for (let j = 0; j < i; j++) {
      sum += kernel(features[i]!, features[j]!, size);
    }
  }
  return (2 * sum) / (features.length * (features.length - 1));
}

function kernel(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  size: number,
): number {
  let dot = 0;
  for (let i = 0; i < size; i++) dot += x[i]! * y[i]!;
  return (dot / size + 1) ** 3;
}
