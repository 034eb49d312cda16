// The structural similarity index on 8-bit RGB pictures, whole or over a mask. Agrees with
// scikit-image's `structural_similarity` (Gaussian weights, population covariance) on its
// valid area.

import {
  checkComparable,
  COLOR_CHANNELS,
  colorPlanes,
  type Picture,
} from "./picture.js";
import { blur, type Plane } from "./gaussian.js";
import { structure, windowSizeFor } from "./structure.js";

/** How {@link ssim} compares. */
export interface SsimOptions {
  /**
   * Weights of the pixels, `[height, width]` row-major, finite and not negative: 1 in the
   * foreground and 0 elsewhere. A position counts with the weight of the window's centre, so
   * that a margin of half a window along the edges never counts.
   * @default every position counts the same
   */
  readonly mask?: ArrayLike<number>;
}

/** How {@link lowPassSsim} compares. */
export interface LowPassSsimOptions {
  /**
   * The blur's standard deviation in pixels, above 0.
   * @default a 16th of the shorter side
   */
  readonly sigma?: number;
}

/**
 * Structural similarity of two pictures: Gaussian window (sigma 1.5 pixels; 7 pixels wide, 11
 * when the shorter side has at least 128), K1 0.01, K2 0.03, the mean over the valid area and
 * over red, green and blue. Symmetric; exactly 1 for equal pictures.
 *
 * @example
 * ```ts
 * import { ssim, type Picture } from "@phaseskip/metrics";
 *
 * const data = new Uint8ClampedArray(32 * 32 * 4); // black
 * const picture: Picture = { data, width: 32, height: 32 };
 * ssim(picture, picture); // 1
 * ```
 * @returns a value in `[-1, 1]`
 * @throws {TypeError} If a picture's data or the mask does not have the size that it should.
 * @throws {RangeError} If the sizes differ, the shorter side is below 7 pixels, a weight is
 *   negative or not finite, or no weight lies in the valid area.
 * @see Wang et al., "Image Quality Assessment: From Error Visibility to Structural
 *   Similarity", 2004, equation 13
 */
export function ssim(
  a: Picture,
  b: Picture,
  options: SsimOptions = {},
): number {
  const attempt = "compute SSIM";
  checkComparable(attempt, a, b);
  const { width, height } = a;
  const windowSize = windowSizeFor(attempt, width, height);
  const planesB = planes(b);
  const map = planes(a)
    .map((plane, channel) => similarity(plane, planesB[channel]!, windowSize))
    .reduce((sum, values) => sum.map((value, i) => value + values[i]!))
    .map((value) => value / COLOR_CHANNELS);
  if (options.mask === undefined) return weightedMean(map);
  const weights = validWeights(options.mask, width, height, windowSize);
  return weightedMean(map, weights);
}

/**
 * {@link ssim} of both pictures after a Gaussian blur: do they agree in composition, whatever
 * their detail? The blurred values are not rounded.
 * @returns a value in `[-1, 1]`
 * @throws {TypeError} If a picture's data does not have the size that it should.
 * @throws {RangeError} If the sizes differ, the shorter side is below 7 pixels, or `sigma` is
 *   not above 0.
 */
export function lowPassSsim(
  a: Picture,
  b: Picture,
  options: LowPassSsimOptions = {},
): number {
  const attempt = "compute the low-pass SSIM";
  checkComparable(attempt, a, b);
  const { width, height } = a;
  const windowSize = windowSizeFor(attempt, width, height);
  const { sigma = Math.min(width, height) / 16 } = options;
  if (!(sigma > 0 && Number.isFinite(sigma))) {
    throw new RangeError(
      `Cannot ${attempt} as sigma must be above 0: current value is ${sigma}`,
    );
  }
  const planesB = planes(b);
  const perChannel = planes(a).map((plane, channel) =>
    weightedMean(
      similarity(
        blur(plane, sigma),
        blur(planesB[channel]!, sigma),
        windowSize,
      ),
    ),
  );
  return weightedMean(Float64Array.from(perChannel));
}

function similarity(a: Plane, b: Plane, windowSize: number): Float64Array {
  const { luminance, contrast } = structure(a, b, windowSize);
  return luminance.map((value, i) => value * contrast[i]!);
}

function planes(picture: Picture): Plane[] {
  const { width, height } = picture;
  return colorPlanes(picture).map((data) => ({ data, width, height }));
}

/** The weights at the windows' centres, in the order of the valid area. */
function validWeights(
  mask: ArrayLike<number>,
  width: number,
  height: number,
  windowSize: number,
): Float64Array {
  if (mask.length !== width * height) {
    throw new TypeError(
      `Cannot compute SSIM as the mask must hold one weight for each of ` +
        `${width} × ${height} pixels: current number is ${mask.length}`,
    );
  }
  const margin = (windowSize - 1) / 2;
  const weights: number[] = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const weight = mask[y * width + x]!;
      if (!(weight >= 0 && Number.isFinite(weight))) {
        throw new RangeError(
          `Cannot compute SSIM as the mask's weights must be finite and not negative: ` +
            `current value at (${x}, ${y}) is ${weight}`,
        );
      }
      const isInside = Math.min(x, width - 1 - x, y, height - 1 - y) >= margin;
      if (isInside) weights.push(weight);
    }
  }
  if (!weights.some((weight) => weight > 0)) {
    throw new RangeError(
      `Cannot compute SSIM as the mask must cover at least one pixel that is ${margin} or ` +
        `more pixels away from every edge: current mask covers none`,
    );
  }
  return Float64Array.from(weights);
}

function weightedMean(values: Float64Array, weights?: Float64Array): number {
  let sum = 0;
  let total = 0;
  for (let i = 0; i < values.length; i++) {
    const weight = weights === undefined ? 1 : weights[i]!;
    sum += weight * values[i]!;
    total += weight;
  }
  return sum / total;
}
