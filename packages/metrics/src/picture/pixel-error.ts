// Distances that compare pixel with pixel, on 8-bit RGB pictures.

import { checkComparable, COLOR_CHANNELS, type Picture } from "./picture.js";

/**
 * Peak signal-to-noise ratio over red, green and blue, for the peak 255.
 * @returns decibels; `Infinity` for equal pictures
 * @throws {TypeError} If a picture's data does not have the size that it should.
 * @throws {RangeError} If the sizes differ.
 */
export function psnr(a: Picture, b: Picture): number {
  checkComparable("compute PSNR", a, b);
  const meanSquare = meanOverColors(a, b, (difference) => difference ** 2);
  return 10 * Math.log10(255 ** 2 / meanSquare);
}

/**
 * Mean absolute difference over red, green and blue.
 * @returns a value in `[0, 255]`, in steps of the 8-bit scale
 * @throws {TypeError} If a picture's data does not have the size that it should.
 * @throws {RangeError} If the sizes differ.
 */
export function meanAbsoluteError(a: Picture, b: Picture): number {
  checkComparable("compute the mean absolute error", a, b);
  return meanOverColors(a, b, Math.abs);
}

function meanOverColors(
  a: Picture,
  b: Picture,
  cost: (difference: number) => number,
): number {
  let sum = 0;
  for (let i = 0; i < a.data.length; i++) {
    const isAlpha = i % 4 === 3;
    if (!isAlpha) sum += cost(a.data[i]! - b.data[i]!);
  }
  return sum / (a.width * a.height * COLOR_CHANNELS);
}
