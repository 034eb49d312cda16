// Multi-scale SSIM on 8-bit RGB pictures (Wang et al., "Multi-scale Structural Similarity for
// Image Quality Assessment", 2003, equation 7). Small pictures allow fewer than the paper's
// five scales: the number is part of the result, and values of different numbers are not
// comparable.

import { checkComparable, colorPlanes, type Picture } from "./picture.js";
import type { Plane } from "./gaussian.js";
import { structure, windowSizeFor } from "./structure.js";

/** The paper's exponents, finest scale first. As printed, they add up to 1.0001. */
const SCALE_WEIGHTS = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];

/** What {@link msSsim} found. */
export interface MsSsim {
  /** The similarity, in `[0, 1]`. */
  readonly value: number;
  /** Number of scales behind it, 1 to 5; belongs into the metric's name. */
  readonly scales: number;
}

/**
 * Multi-scale structural similarity: contrast and structure at every scale, luminance at the
 * coarsest, with the window that `ssim` takes for the full size at every scale. From one scale
 * to the next, blocks of 2 × 2 pixels are averaged (an odd last row or column is left out).
 * There are as many scales, up to five, as the window fits into; the exponents of fewer are
 * the paper's first ones, scaled to the sum of all five. A negative mean contrast counts as 0.
 * The mean over red, green and blue.
 * @throws {TypeError} If a picture's data does not have the size that it should.
 * @throws {RangeError} If the sizes differ, or the shorter side is below 7 pixels.
 */
export function msSsim(a: Picture, b: Picture): MsSsim {
  const attempt = "compute MS-SSIM";
  checkComparable(attempt, a, b);
  const { width, height } = a;
  const windowSize = windowSizeFor(attempt, width, height);
  const scales = scaleCount(Math.min(width, height), windowSize);
  const planesB = colorPlanes(b);
  const perChannel = colorPlanes(a).map((data, channel) =>
    compareScales(
      { data, width, height },
      { data: planesB[channel]!, width, height },
      windowSize,
      scales,
    ),
  );
  return { value: average(perChannel), scales };
}

function scaleCount(side: number, windowSize: number): number {
  let scales = 0;
  for (let s = side; s >= windowSize && scales < SCALE_WEIGHTS.length; s >>= 1)
    scales++;
  return scales;
}

function compareScales(
  a: Plane,
  b: Plane,
  windowSize: number,
  scales: number,
): number {
  const weights = SCALE_WEIGHTS.slice(0, scales);
  const rescale = total(SCALE_WEIGHTS) / total(weights);
  let value = 1;
  weights.forEach((weight, scale) => {
    const { luminance, contrast } = structure(a, b, windowSize);
    const isCoarsest = scale === scales - 1;
    const factor = average(
      isCoarsest ? contrast.map((c, i) => c * luminance[i]!) : contrast,
    );
    value *= Math.max(factor, 0) ** (weight * rescale);
    a = halve(a);
    b = halve(b);
  });
  return value;
}

function halve({ data, width, height }: Plane): Plane {
  const outWidth = width >> 1;
  const outHeight = height >> 1;
  const out = new Float64Array(outWidth * outHeight);
  for (let y = 0; y < outHeight; y++) {
    for (let x = 0; x < outWidth; x++) {
      const at = 2 * y * width + 2 * x;
      out[y * outWidth + x] =
        (data[at]! +
          data[at + 1]! +
          data[at + width]! +
          data[at + width + 1]!) /
        4;
    }
  }
  return { data: out, width: outWidth, height: outHeight };
}

function average(values: Float64Array | readonly number[]): number {
  return total(values) / values.length;
}

function total(values: Float64Array | readonly number[]): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}
