import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  clippedShare,
  meanAbsoluteError,
  psnr,
  relativeL2,
} from "../src/index.js";
import { anyPair, flat } from "./pictures.js";

describe("relativeL2()", () => {
  test("is the norm of the difference over that of the reference", () => {
    expect(relativeL2([3, 4, 1], [0, 0, 1])).toBe(5);
    expect(relativeL2(Float32Array.of(1, 2), Float32Array.of(1, 2))).toBe(0);
  });
  test("tells sample and reference apart", () => {
    expect(relativeL2([2, 0], [1, 0])).toBe(1);
    expect(relativeL2([1, 0], [2, 0])).toBe(0.5);
  });
  test("of an all-zero reference is 0 for equal samples, else Infinity", () => {
    expect(relativeL2([0, 0], [0, 0])).toBe(0);
    expect(relativeL2([0, 1], [0, 0])).toBe(Infinity);
  });
  test("does not change when both are scaled", () => {
    const value = fc.double({ min: -9, max: 9, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(value, value), { minLength: 1 }),
        (pairs) => {
          const a = pairs.map(([x]) => x + 20);
          const b = pairs.map(([, y]) => y + 20);
          const twice = (values: number[]) => values.map((v) => 2 * v);
          expect(relativeL2(twice(a), twice(b))).toBe(relativeL2(a, b));
        },
      ),
    );
  });
  test("throws when the lengths differ or there are no values", () => {
    expect(() => relativeL2([1], [1, 2])).toThrow(TypeError);
    expect(() => relativeL2([], [])).toThrow(RangeError);
  });
});

describe("clippedShare()", () => {
  test("counts values outside [-1, 1], and NaN, but not the bounds", () => {
    expect(clippedShare([-1, 1, 0.5, -0.5])).toBe(0);
    expect(clippedShare([-1.001, 1, 1.001, 0])).toBe(0.5);
    expect(clippedShare([NaN, Infinity, 0, 0])).toBe(0.5);
  });
  test("throws RangeError when there are no values", () => {
    expect(() => clippedShare([])).toThrow(RangeError);
  });
});

describe("psnr() and meanAbsoluteError()", () => {
  test("of two flat pictures follow from their levels", () => {
    expect(meanAbsoluteError(flat(3, 2, 10), flat(3, 2, 25))).toBe(15);
    expect(psnr(flat(3, 2, 0), flat(3, 2, 255))).toBe(0);
    expect(psnr(flat(3, 2, 7), flat(3, 2, 7))).toBe(Infinity);
  });
  test("are symmetric and not negative", () => {
    fc.assert(
      fc.property(anyPair(1, 9), ([a, b]) => {
        expect(psnr(a, b)).toBe(psnr(b, a));
        expect(psnr(a, b)).toBeGreaterThanOrEqual(0);
        expect(meanAbsoluteError(a, b)).toBe(meanAbsoluteError(b, a));
        expect(meanAbsoluteError(a, b)).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});
