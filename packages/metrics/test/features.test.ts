import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  frechetDistance,
  kernelDistance,
  seededRandom,
  type Features,
} from "../src/index.js";
import {
  symmetricEigen,
  symmetricSquareRoot,
} from "../src/statistics/symmetric-eigen.js";
import { readGolden } from "./pictures.js";

interface GoldenFeatures {
  a: number[][];
  b: number[][];
  frechetDistance: number;
  kernelDistance: number;
}

const golden = readGolden<GoldenFeatures>("features");
const DIGITS = 10;

function randomFeatures(count: number, size: number, seed: number): Features {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () =>
    Float32Array.from({ length: size }, () => random() + random() - 1),
  );
}

describe("symmetricEigen()", () => {
  const anyMatrix = fc.integer({ min: 1, max: 12 }).chain((size) =>
    fc
      .array(fc.double({ min: -10, max: 10, noNaN: true }), {
        minLength: size * size,
        maxLength: size * size,
      })
      .map((values) => {
        const matrix = new Float64Array(size * size);
        for (let i = 0; i < size; i++) {
          for (let j = 0; j < size; j++) {
            matrix[i * size + j] =
              values[Math.min(i, j) * size + Math.max(i, j)]!;
          }
        }
        return { matrix, size };
      }),
  );

  test("gives orthonormal vectors that the matrix stretches by their values", () => {
    fc.assert(
      fc.property(anyMatrix, ({ matrix, size }) => {
        const { values, vectors } = symmetricEigen(matrix, size);
        for (let i = 0; i < size; i++) {
          for (let j = 0; j < size; j++) {
            let stretched = 0;
            let product = 0;
            for (let k = 0; k < size; k++) {
              stretched += matrix[i * size + k]! * vectors[k * size + j]!;
              product += vectors[k * size + i]! * vectors[k * size + j]!;
            }
            expect(stretched).toBeCloseTo(
              values[j]! * vectors[i * size + j]!,
              DIGITS,
            );
            expect(product).toBeCloseTo(i === j ? 1 : 0, DIGITS);
          }
        }
      }),
    );
  });
  test("holds at 64 dimensions, and its root squared is the matrix", () => {
    const size = 64;
    const rows = randomFeatures(size, size, 3);
    const matrix = new Float64Array(size * size);
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) {
        for (let k = 0; k < size; k++) {
          matrix[i * size + j]! += rows[i]![k]! * rows[j]![k]!;
        }
      }
    }
    const root = symmetricSquareRoot(matrix, size);
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) {
        let square = 0;
        for (let k = 0; k < size; k++) {
          square += root[i * size + k]! * root[k * size + j]!;
        }
        expect(square).toBeCloseTo(matrix[i * size + j]!, DIGITS);
      }
    }
  });
});

describe("frechetDistance()", () => {
  test("agrees with scipy's matrix square root", () => {
    const ratio = frechetDistance(golden.a, golden.b) / golden.frechetDistance;
    expect(ratio).toBeCloseTo(1, DIGITS);
  });
  test("of a set with itself is 0, and of a shifted one the shift's square", () => {
    const shifted = golden.a.map((vector) => vector.map((v) => v + 2));
    expect(frechetDistance(golden.a, golden.a)).toBeCloseTo(0, DIGITS);
    expect(frechetDistance(golden.a, shifted)).toBeCloseTo(6 * 2 ** 2, DIGITS);
  });
  test("of scaled sets in one dimension is that of two normal distributions", () => {
    const a = [[-1], [1], [3], [-3]];
    const b = a.map(([x]) => [3 * x! + 5]);
    const deviation = Math.sqrt(20 / 3);
    expect(frechetDistance(a, b)).toBeCloseTo(
      5 ** 2 + (2 * deviation) ** 2,
      DIGITS,
    );
  });
  test("is symmetric and falls with more vectors of one distribution", () => {
    const few = frechetDistance(
      randomFeatures(40, 16, 1),
      randomFeatures(40, 16, 2),
    );
    const many = frechetDistance(
      randomFeatures(1000, 16, 1),
      randomFeatures(1000, 16, 2),
    );
    expect(many).toBeGreaterThanOrEqual(0);
    expect(many).toBeLessThan(few / 5);
    expect(frechetDistance(golden.b, golden.a)).toBeCloseTo(
      golden.frechetDistance,
      8,
    );
  });
  test("throws RangeError above 64 dimensions", () => {
    const wide = randomFeatures(3, 65, 1);
    expect(() => frechetDistance(wide, wide)).toThrow(
      "Cannot compute the Fréchet distance as features must have 1 to 64 dimensions: " +
        "current number is 65",
    );
  });
});

describe("kernelDistance()", () => {
  test("agrees with numpy", () => {
    const ratio = kernelDistance(golden.a, golden.b) / golden.kernelDistance;
    expect(ratio).toBeCloseTo(1, DIGITS);
  });
  test("of two sets by hand", () => {
    // k(x, y) = (xy + 1)³: within a 1, within b 27, between 1, 1, 1 and 1.
    expect(kernelDistance([[0], [0]], [[1], [2]])).toBe(1 + 27 - 2);
  });
  test("is unbiased: its mean over pairs of one distribution is about 0", () => {
    const values = Array.from({ length: 40 }, (_, i) =>
      kernelDistance(
        randomFeatures(30, 8, 2 * i),
        randomFeatures(30, 8, 2 * i + 1),
      ),
    );
    const average = values.reduce((sum, v) => sum + v) / values.length;
    const spread = Math.sqrt(
      values.reduce((sum, v) => sum + (v - average) ** 2, 0) / values.length,
    );
    expect(Math.abs(average)).toBeLessThan((3 * spread) / Math.sqrt(40));
    expect(values.some((value) => value < 0)).toBe(true);
  });
});

describe.each([frechetDistance, kernelDistance])("errors of %o", (distance) => {
  test("throws when vectors differ in length, are too few, or not finite", () => {
    const good = [
      [1, 2],
      [3, 4],
    ];
    expect(() => distance(good, [[1], [2]])).toThrow(TypeError);
    expect(() => distance([[], []], [[], []])).toThrow(TypeError);
    expect(() => distance(good, [[1, 2]])).toThrow(RangeError);
    expect(() => distance([], good)).toThrow(RangeError);
    expect(() =>
      distance(good, [
        [1, 2],
        [3, NaN],
      ]),
    ).toThrow(RangeError);
  });
});
