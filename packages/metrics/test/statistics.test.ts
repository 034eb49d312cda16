import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  holm,
  mean,
  median,
  quantile,
  seededRandom,
  spearman,
  summarizeLatency,
} from "../src/index.js";
import { readGolden } from "./pictures.js";

interface GoldenStatistics {
  values: number[];
  other: number[];
  ties: number[];
  mean: number;
  median: number;
  shares: number[];
  quantiles: number[];
  spearman: number;
  spearmanTies: number;
  pValues: number[];
  holm: number[];
}

const golden = readGolden<GoldenStatistics>("statistics");
const DIGITS = 12;
const anyNumber = fc.double({ min: -1e6, max: 1e6, noNaN: true });
const anyNumbers = fc.array(anyNumber, { minLength: 2, maxLength: 30 });

describe("mean(), median(), quantile()", () => {
  test("agree with numpy", () => {
    expect(mean(golden.values)).toBeCloseTo(golden.mean, DIGITS);
    expect(median(golden.values)).toBe(golden.median);
    golden.shares.forEach((share, i) => {
      expect(quantile(golden.values, share)).toBeCloseTo(
        golden.quantiles[i]!,
        DIGITS,
      );
    });
  });
  test("leave their input as it is, and take typed arrays", () => {
    const values = Float32Array.of(3, 1, 2);
    expect(median(values)).toBe(2);
    expect([...values]).toEqual([3, 1, 2]);
  });
  test("quantile() rises with the share, between smallest and largest", () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(anyNumbers, share, share, (values, p, q) => {
        const [low, high] = [Math.min(p, q), Math.max(p, q)];
        expect(quantile(values, low)).toBeLessThanOrEqual(
          quantile(values, high) + 1e-9,
        );
        expect(quantile(values, 0)).toBe(Math.min(...values));
        expect(quantile(values, 1)).toBe(Math.max(...values));
      }),
    );
  });
  test("median() keeps infinite values, as psnr() gives them", () => {
    expect(median([Infinity, Infinity])).toBe(Infinity);
    expect(median([30, Infinity, Infinity])).toBe(Infinity);
  });
  test("throw RangeError without values, with NaN, and for a share outside [0, 1]", () => {
    expect(() => mean([])).toThrow(RangeError);
    expect(() => median([])).toThrow(RangeError);
    expect(() => median([1, NaN])).toThrow(RangeError);
    expect(() => quantile([1, 2], 1.5)).toThrow(
      "Cannot compute a quantile as its share must be in [0, 1]: current value is 1.5",
    );
  });
});

describe("spearman()", () => {
  test("agrees with scipy, with and without ties", () => {
    expect(spearman(golden.values, golden.other)).toBeCloseTo(
      golden.spearman,
      DIGITS,
    );
    expect(spearman(golden.values, golden.ties)).toBeCloseTo(
      golden.spearmanTies,
      DIGITS,
    );
  });
  test("is 1 for the same order, −1 for the reverse, symmetric", () => {
    const distinct = fc.uniqueArray(anyNumber, {
      minLength: 2,
      comparator: (a, b) => a === b,
    });
    fc.assert(
      fc.property(distinct, anyNumbers, (values, others) => {
        expect(spearman(values, values)).toBeCloseTo(1, DIGITS);
        const reverse = values.map((value) => -value);
        expect(spearman(values, reverse)).toBeCloseTo(-1, DIGITS);
        const length = Math.min(values.length, others.length);
        const a = values.slice(0, length);
        const b = others.slice(0, length);
        expect(spearman(a, b)).toEqual(spearman(b, a));
      }),
    );
  });
  test("of a constant list is NaN", () => {
    expect(spearman([1, 1, 1], [1, 2, 3])).toBeNaN();
  });
  test("throws for lists that do not pair up, are too short, or hold NaN", () => {
    expect(() => spearman([1, 2], [1])).toThrow(TypeError);
    expect(() => spearman([1], [1])).toThrow(RangeError);
    expect(() => spearman([1, NaN], [1, 2])).toThrow(RangeError);
  });
});

describe("holm()", () => {
  test("agrees with numpy, and with an example by hand", () => {
    holm(golden.pValues).forEach((p, i) => {
      expect(p).toBeCloseTo(golden.holm[i]!, DIGITS);
    });
    expect(holm([0.01, 0.04, 0.03, 0.005])).toEqual([0.03, 0.06, 0.06, 0.02]);
    expect(holm([])).toEqual([]);
  });
  test("rejects what the sequential procedure rejects", () => {
    const anyP = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(anyP, (pValues) => {
        const alpha = 0.05;
        const ascending = [...pValues].sort((a, b) => a - b);
        let rejected = 0;
        while (
          rejected < ascending.length &&
          ascending[rejected]! * (ascending.length - rejected) <= alpha
        )
          rejected++;
        const adjusted = holm(pValues);
        expect(adjusted.filter((p) => p <= alpha).length).toBe(rejected);
        adjusted.forEach((p, i) => {
          expect(p).toBeGreaterThanOrEqual(pValues[i]!);
          expect(p).toBeLessThanOrEqual(1);
        });
      }),
    );
  });
  test("throws RangeError for what is no probability", () => {
    expect(() => holm([0.5, 1.1])).toThrow(RangeError);
    expect(() => holm([NaN])).toThrow(RangeError);
  });
});

describe("seededRandom()", () => {
  test("repeats for the same seed and differs for the next", () => {
    const take = (seed: number) =>
      Array.from({ length: 5 }, seededRandom(seed));
    expect(take(3)).toEqual(take(3));
    expect(take(3)).not.toEqual(take(4));
  });
  test("is uniform: mean, variance and tenths of 100,000 numbers", () => {
    const values = Array.from({ length: 100_000 }, seededRandom(1));
    expect(mean(values)).toBeCloseTo(0.5, 2);
    expect(mean(values.map((v) => (v - 0.5) ** 2))).toBeCloseTo(1 / 12, 2);
    for (let tenth = 1; tenth < 10; tenth++) {
      expect(quantile(values, tenth / 10)).toBeCloseTo(tenth / 10, 1.7);
    }
  });
  test("throws RangeError when the seed is no integer in 32 bits", () => {
    for (const seed of [-1, 0.5, 2 ** 32, NaN]) {
      expect(() => seededRandom(seed)).toThrow(RangeError);
    }
  });
});

describe("summarizeLatency()", () => {
  test("gives count, median and outer tenths", () => {
    const times = Array.from({ length: 11 }, (_, i) => 10 * i);
    expect(summarizeLatency(times)).toEqual({
      count: 11,
      median: 50,
      p10: 10,
      p90: 90,
    });
  });
  test("throws RangeError without times, and for a negative or broken one", () => {
    expect(() => summarizeLatency([])).toThrow(RangeError);
    expect(() => summarizeLatency([1, -1])).toThrow("current value is -1");
    expect(() => summarizeLatency([NaN])).toThrow(RangeError);
  });
});
