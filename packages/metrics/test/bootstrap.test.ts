import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  bootstrapMedianRatio,
  hierarchicalBootstrap,
  median,
  pairedBootstrap,
  seededRandom,
} from "../src/index.js";
import { readGolden } from "./pictures.js";

interface GoldenIntervals {
  values: number[];
  mean: number;
  meanInterval: [number, number];
  numerator: number[];
  denominator: number[];
  medianRatio: number;
  medianRatioInterval: [number, number];
}

const golden = readGolden<GoldenIntervals>("statistics");
/** Of the interval's width: what 10,000 draws leave to chance. */
const MONTE_CARLO_TOLERANCE = 0.05;

function expectInterval(
  { lower, upper }: { lower: number; upper: number },
  [wantedLower, wantedUpper]: [number, number],
) {
  const slack = MONTE_CARLO_TOLERANCE * (wantedUpper - wantedLower);
  expect(Math.abs(lower - wantedLower)).toBeLessThan(slack);
  expect(Math.abs(upper - wantedUpper)).toBeLessThan(slack);
}

/** About normal numbers, mean 0, standard deviation 1. */
function normal(random: () => number): number {
  let sum = -6;
  for (let i = 0; i < 12; i++) sum += random();
  return sum;
}

describe("hierarchicalBootstrap()", () => {
  test("of one group agrees with scipy's percentile bootstrap", () => {
    const estimate = hierarchicalBootstrap([golden.values]);
    expect(estimate.value).toBeCloseTo(golden.mean, 12);
    expectInterval(estimate, golden.meanInterval);
  });
  test("draws groups: values that agree within groups do not narrow the interval", () => {
    const random = seededRandom(5);
    const levels = Array.from({ length: 20 }, () => normal(random));
    const alone = hierarchicalBootstrap(levels.map((level) => [level]));
    const repeated = hierarchicalBootstrap(
      levels.map((level) => new Float64Array(8).fill(level)),
    );
    const width = (e: { lower: number; upper: number }) => e.upper - e.lower;
    expect(width(repeated) / width(alone)).toBeCloseTo(1, 1);
  });
  test("draws members: a spread within groups widens the interval", () => {
    const still = hierarchicalBootstrap([
      [1, 1],
      [1, 1],
    ]);
    const spread = hierarchicalBootstrap([
      [0, 2],
      [0, 2],
    ]);
    expect(still).toEqual({ value: 1, lower: 1, upper: 1 });
    expect(spread.lower).toBe(0);
    expect(spread.upper).toBe(2);
  });
  test("covers the true mean in about 95 % of experiments", () => {
    const random = seededRandom(9);
    let covered = 0;
    for (let experiment = 0; experiment < 300; experiment++) {
      const groups = Array.from({ length: 25 }, () => {
        const shared = normal(random);
        return Array.from({ length: 3 }, () => shared + normal(random));
      });
      const { lower, upper } = hierarchicalBootstrap(groups, {
        draws: 400,
        seed: experiment,
      });
      if (lower <= 0 && upper >= 0) covered++;
    }
    expect(covered / 300).toBeGreaterThan(0.91);
    expect(covered / 300).toBeLessThan(0.99);
  });
  test("honours statistic, level, draws and seed", () => {
    const groups = [golden.values];
    const plain = hierarchicalBootstrap(groups);
    expect(hierarchicalBootstrap(groups)).toEqual(plain);
    expect(hierarchicalBootstrap(groups, { seed: 1 })).not.toEqual(plain);
    expect(hierarchicalBootstrap(groups, { draws: 9999 })).not.toEqual(plain);
    const half = hierarchicalBootstrap(groups, { level: 0.5 });
    expect(half.upper - half.lower).toBeLessThan(
      0.5 * (plain.upper - plain.lower),
    );
    const middle = hierarchicalBootstrap(groups, { statistic: median });
    expect(middle.value).toBe(median(golden.values));
  });
  test("holds its estimate inside the data's range", () => {
    const group = fc.array(fc.integer({ min: -50, max: 50 }), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(fc.array(group, { minLength: 1, maxLength: 6 }), (groups) => {
        const { lower, upper } = hierarchicalBootstrap(groups, { draws: 50 });
        const all = groups.flat();
        expect(lower).toBeLessThanOrEqual(upper);
        expect(lower).toBeGreaterThanOrEqual(Math.min(...all));
        expect(upper).toBeLessThanOrEqual(Math.max(...all));
      }),
    );
  });
  test("throws RangeError for no groups, an empty one, NaN, and options out of range", () => {
    expect(() => hierarchicalBootstrap([])).toThrow(RangeError);
    expect(() => hierarchicalBootstrap([[1], []])).toThrow("group 1 is empty");
    expect(() => hierarchicalBootstrap([[1, NaN]])).toThrow(RangeError);
    expect(() => hierarchicalBootstrap([[1]], { draws: 0 })).toThrow(
      "Cannot draw a bootstrap as draws must be an integer of at least 1: current value is 0",
    );
    expect(() => hierarchicalBootstrap([[1]], { level: 1 })).toThrow(
      RangeError,
    );
    expect(() => hierarchicalBootstrap([[1]], { seed: -1 })).toThrow(
      RangeError,
    );
  });
});

describe("pairedBootstrap()", () => {
  const random = seededRandom(2);
  const reference = Array.from({ length: 16 }, () => {
    const prompt = 10 * normal(random);
    return Array.from({ length: 4 }, () => prompt + normal(random));
  });
  const shift = (by: number) =>
    reference.map((group) => group.map((v) => v + by + 0.1 * normal(random)));

  test("finds a small difference that the spread of the pairs would hide", () => {
    const { value, lower, upper, pValue } = pairedBootstrap(
      shift(0.2),
      reference,
    );
    expect(lower).toBeGreaterThan(0);
    expect(lower).toBeLessThan(value);
    expect(value).toBeLessThan(upper);
    expect(pValue).toBeCloseTo(2 / 10_001, 12);
  });
  test("does not find one where there is none", () => {
    const { lower, upper, pValue } = pairedBootstrap(shift(0), reference);
    expect(lower).toBeLessThan(0);
    expect(upper).toBeGreaterThan(0);
    expect(pValue).toBeGreaterThan(0.05);
  });
  test("changes sign when the sides are swapped", () => {
    const candidate = shift(0.2);
    const there = pairedBootstrap(candidate, reference);
    const back = pairedBootstrap(reference, candidate);
    expect(back.value).toBe(-there.value);
    expect(back.lower).toBeCloseTo(-there.upper, 12);
    expect(back.pValue).toBe(there.pValue);
  });
  test("of equal sides is 0 with a p-value of 1", () => {
    expect(pairedBootstrap(reference, reference)).toEqual({
      value: 0,
      lower: 0,
      upper: 0,
      pValue: 1,
    });
  });
  test("throws TypeError when the sides do not pair up", () => {
    expect(() => pairedBootstrap([[1]], [[1], [2]])).toThrow(TypeError);
    expect(() => pairedBootstrap([[1], [1, 2]], [[1], [2]])).toThrow(
      "Cannot draw a paired bootstrap as both sides must pair up: " +
        "current sizes of group 1 are 2 and 1",
    );
  });
});

describe("bootstrapMedianRatio()", () => {
  const { numerator, denominator } = golden;

  test("is the median of the pairs' ratios, with scipy's interval", () => {
    const estimate = bootstrapMedianRatio(numerator, denominator);
    expect(estimate.value).toBeCloseTo(golden.medianRatio, 12);
    expectInterval(estimate, golden.medianRatioInterval);
  });
  test("does not see a drift that both sides share", () => {
    const drift = (values: number[]) => values.map((v, i) => v * (1 + i));
    const { value, lower, upper } = bootstrapMedianRatio(
      drift(numerator),
      drift(denominator),
    );
    expect(value).toBeCloseTo(golden.medianRatio, 12);
    expect(lower).toBeLessThan(value);
    expect(upper).toBeGreaterThan(value);
  });
  test("honours its options", () => {
    const plain = bootstrapMedianRatio(numerator, denominator);
    const narrow = bootstrapMedianRatio(numerator, denominator, { level: 0.5 });
    expect(narrow.lower).toBeGreaterThan(plain.lower);
    expect(
      bootstrapMedianRatio(numerator, denominator, { seed: 8, draws: 101 }),
    ).not.toEqual(plain);
  });
  test("throws for times that do not pair up, are missing, or not above 0", () => {
    expect(() => bootstrapMedianRatio([1, 2], [1])).toThrow(TypeError);
    expect(() => bootstrapMedianRatio([], [])).toThrow(RangeError);
    expect(() => bootstrapMedianRatio([1], [0])).toThrow(
      "Cannot compute a time ratio as every time must be above 0 and finite: current value is 0",
    );
  });
});
