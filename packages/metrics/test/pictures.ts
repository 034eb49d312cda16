// Pictures for the tests: from golden data, by formula, and as fast-check arbitraries.

import { readFileSync } from "node:fs";
import fc from "fast-check";
import type { Picture } from "../src/index.js";

/** Reads a file of `golden/`, written by models/golden_metrics.py. */
export function readGolden<T>(name: string): T {
  const url = new URL(`golden/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(url, "utf8")) as T;
}

/** A picture from RGB samples, `[height, width, 3]`. */
export function fromRgb(
  rgb: ArrayLike<number>,
  width: number,
  height: number,
  alpha = 255,
): Picture {
  const data = new Uint8ClampedArray(width * height * 4);
  for (let i = 0; i < width * height; i++) {
    for (let channel = 0; channel < 3; channel++) {
      data[4 * i + channel] = rgb[3 * i + channel]!;
    }
    data[4 * i + 3] = alpha;
  }
  return { data, width, height };
}

/** A picture of one colour. */
export function flat(width: number, height: number, level: number): Picture {
  const data = new Uint8ClampedArray(width * height * 4).fill(level);
  return { data, width, height };
}

/** Any picture with sides in `[min, max]`. */
export function anyPicture(min: number, max: number): fc.Arbitrary<Picture> {
  return anySize(min, max).chain((size) => anyPictureOf(...size));
}

/** Any two pictures of one size with sides in `[min, max]`. */
export function anyPair(
  min: number,
  max: number,
): fc.Arbitrary<[Picture, Picture]> {
  return anySize(min, max).chain((size) =>
    fc.tuple(anyPictureOf(...size), anyPictureOf(...size)),
  );
}

function anySize(min: number, max: number): fc.Arbitrary<[number, number]> {
  return fc.tuple(fc.integer({ min, max }), fc.integer({ min, max }));
}

function anyPictureOf(width: number, height: number): fc.Arbitrary<Picture> {
  const length = width * height * 4;
  return fc
    .uint8ClampedArray({ minLength: length, maxLength: length })
    .map((data) => ({ data, width, height }));
}
