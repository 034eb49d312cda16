// Local structure of two planes under a sliding Gaussian window: what SSIM, MS-SSIM and the
// low-pass SSIM have in common (Wang et al., "Image Quality Assessment: From Error Visibility
// to Structural Similarity", 2004, equations 6 to 13).
//
// | paper        | here                         |
// | ------------ | ---------------------------- |
// | μx, μy       | meanA, meanB                 |
// | σx², σy²     | varianceA, varianceB         |
// | σxy          | covariance                   |
// | l            | luminance                    |
// | c · s        | contrast                     |
// | C1 = (K1·L)² | C1, with K1 = 0.01, L = 255  |
// | C2 = (K2·L)² | C2, with K2 = 0.03, L = 255  |

import { filterValid, gaussianWindow, type Plane } from "./gaussian.js";

const C1 = (0.01 * 255) ** 2;
const C2 = (0.03 * 255) ** 2;

/** Standard deviation of the sliding window, in pixels. */
const WINDOW_SIGMA = 1.5;

/** The two factors of SSIM at each position where the window lies inside the planes. */
export interface Structure {
  /** Luminance term, `[height, width]` row-major, in `(0, 1]`. */
  readonly luminance: Float64Array;
  /** Contrast times structure, `[height, width]` row-major, in `[-1, 1]`. */
  readonly contrast: Float64Array;
  /** Width of the valid area in pixels. */
  readonly width: number;
  /** Height of the valid area in pixels. */
  readonly height: number;
}

/**
 * Compares two planes of the same size position by position.
 * @param windowSize side of the window in pixels, odd, at most the shorter side
 */
export function structure(a: Plane, b: Plane, windowSize: number): Structure {
  const window = gaussianWindow(windowSize, WINDOW_SIGMA);
  const means = (plane: Plane) => filterValid(plane, window);
  const { width, height, data: meansA } = means(a);
  const meansB = means(b).data;
  const squaresA = means(product(a, a)).data;
  const squaresB = means(product(b, b)).data;
  const products = means(product(a, b)).data;

  const luminance = new Float64Array(meansA.length);
  const contrast = new Float64Array(meansA.length);
  for (let i = 0; i < meansA.length; i++) {
    const meanA = meansA[i]!;
    const meanB = meansB[i]!;
    const varianceA = squaresA[i]! - meanA * meanA;
    const varianceB = squaresB[i]! - meanB * meanB;
    const covariance = products[i]! - meanA * meanB;
    luminance[i] =
      (2 * meanA * meanB + C1) / (meanA * meanA + meanB * meanB + C1);
    contrast[i] = (2 * covariance + C2) / (varianceA + varianceB + C2);
  }
  return { luminance, contrast, width, height };
}

/**
 * The window's side for a picture: 7 pixels, or 11 from 128 pixels on the shorter side.
 * @throws {RangeError} If the shorter side is below 7 pixels.
 */
export function windowSizeFor(
  attempt: string,
  width: number,
  height: number,
): number {
  const side = Math.min(width, height);
  if (side < 7) {
    throw new RangeError(
      `Cannot ${attempt} as the window needs pictures of at least 7 × 7 pixels: ` +
        `current size is ${width} × ${height}`,
    );
  }
  return side >= 128 ? 11 : 7;
}

function product(a: Plane, b: Plane): Plane {
  return { ...a, data: a.data.map((value, i) => value * b.data[i]!) };
}
