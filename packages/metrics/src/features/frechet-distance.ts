// The Fréchet distance of two sets of feature vectors, each taken for a Gaussian. It may be
// called FID only with Inception's features on the usual protocol.
//
// | paper             | here                                |
// | ----------------- | ----------------------------------- |
// | m, m_w            | meansA, meansB                      |
// | C, C_w            | covarianceA, covarianceB            |
// | Tr (C C_w)^(1/2)  | traceOfRoot, over √C · C_w · √C     |

import { checkFeatures, type Features } from "./features.js";
import {
  symmetricEigen,
  symmetricSquareRoot,
} from "../statistics/symmetric-eigen.js";

const MAX_DIMENSIONS = 64;

/**
 * Fréchet distance d² of the Gaussians with the sets' means and covariances (over n − 1).
 * Needs more vectors than dimensions by far to say anything; compare with the distance of two
 * disjoint halves of one set.
 * @param a at least 2 vectors of 1 to 64 dimensions
 * @param b at least 2 vectors of as many dimensions
 * @returns a value of at least 0, in squared units of the features
 * @throws {TypeError} If the vectors differ in their number of dimensions.
 * @throws {RangeError} If a set has fewer than 2 vectors, there are more than 64 dimensions,
 *   or a value is not finite.
 * @see Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash
 *   Equilibrium", 2017, equation 6
 */
export function frechetDistance(a: Features, b: Features): number {
  const attempt = "compute the Fréchet distance";
  const size = checkFeatures(attempt, a, b);
  if (size > MAX_DIMENSIONS) {
    throw new RangeError(
      `Cannot ${attempt} as features must have 1 to ${MAX_DIMENSIONS} dimensions: ` +
        `current number is ${size}`,
    );
  }
  const meansA = columnMeans(a, size);
  const meansB = columnMeans(b, size);
  const covarianceA = covariance(a, meansA);
  const covarianceB = covariance(b, meansB);

  // √A · B · √A has the eigenvalues of A · B, but is symmetric.
  const rootA = symmetricSquareRoot(covarianceA, size);
  const between = multiply(multiply(rootA, covarianceB, size), rootA, size);
  const traceOfRoot = symmetricEigen(between, size).values.reduce(
    (sum, value) => sum + Math.sqrt(Math.max(value, 0)),
    0,
  );
  let distance = -2 * traceOfRoot;
  for (let i = 0; i < size; i++) {
    distance += (meansA[i]! - meansB[i]!) ** 2;
    distance += covarianceA[i * size + i]! + covarianceB[i * size + i]!;
  }
  return Math.max(0, distance);
}

function columnMeans(features: Features, size: number): Float64Array {
  const means = new Float64Array(size);
  for (const vector of features) {
    for (let i = 0; i < size; i++) means[i]! += vector[i]! / features.length;
  }
  return means;
}

function covariance(features: Features, means: Float64Array): Float64Array {
  const size = means.length;
  const result = new Float64Array(size * size);
  for (const vector of features) {
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) {
        result[i * size + j]! +=
          (vector[i]! - means[i]!) * (vector[j]! - means[j]!);
      }
    }
  }
  return result.map((value) => value / (features.length - 1));
}

function multiply(
  a: Float64Array,
  b: Float64Array,
  size: number,
): Float64Array {
  const result = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < size; k++) {
      for (let j = 0; j < size; j++) {
        result[i * size + j]! += a[i * size + k]! * b[k * size + j]!;
      }
    }
  }
  return result;
}
