// Percentile bootstrap for data in two levels, such as seeds within prompts, and for paired
// times. (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 8 and 13.)

import { mean, median, sortedQuantile } from "./quantile.js";
import { seededRandom } from "./random.js";

/** How a bootstrap draws. */
export interface BootstrapOptions {
  /**
   * Number of resamples, an integer of at least 1.
   * @default 10000
   */
  readonly draws?: number;
  /**
   * Share of the draws inside the interval, in `(0, 1)`.
   * @default 0.95
   */
  readonly level?: number;
  /**
   * Seed of the resampling, an integer in `[0, 2^32)`.
   * @default 0
   */
  readonly seed?: number;
}

/** How {@link hierarchicalBootstrap} and {@link pairedBootstrap} draw and summarise. */
export interface HierarchicalBootstrapOptions extends BootstrapOptions {
  /**
   * What is estimated from the pooled values of a draw.
   * @default mean
   */
  readonly statistic?: (values: Float64Array) => number;
}

/** An estimate with its percentile interval. */
export interface Estimate {
  /** The statistic of the data as they are. */
  readonly value: number;
  /** The interval's lower end. */
  readonly lower: number;
  /** The interval's upper end. */
  readonly upper: number;
}

/** An {@link Estimate} of a difference. */
export interface DifferenceEstimate extends Estimate {
  /**
   * Two-sided bootstrap p-value of "there is no difference": twice the smaller share of draws
   * on one side of 0, at most 1 and never below `2 / (draws + 1)`. Fit for `holm`.
   */
  readonly pValue: number;
}

/**
 * An interval for a statistic of grouped values: each draw takes as many groups as there are,
 * with replacement, and from each as many of its members as it has, with replacement.
 * @param groups values in groups, such as one group of seeds for each prompt
 * @throws {RangeError} If there is no group, a group is empty, a value is NaN, or an option is
 *   outside its range.
 */
export function hierarchicalBootstrap(
  groups: readonly ArrayLike<number>[],
  options: HierarchicalBootstrapOptions = {},
): Estimate {
  const { statistic = mean } = options;
  const draws = resample(groups, options);
  return interval(statistic(pool(groups)), draws, options.level);
}

/**
 * An interval for candidate − reference where both were measured on the same pairs: one draw
 * takes the same groups and members of both, so that what they share cancels. The statistic
 * is that of the differences.
 * @param candidate values in groups
 * @param reference values in groups of the same sizes, in the same order
 * @throws {TypeError} If the groups differ in number or size.
 * @throws {RangeError} If there is no group, a group is empty, a difference is NaN, or an
 *   option is outside its range.
 */
export function pairedBootstrap(
  candidate: readonly ArrayLike<number>[],
  reference: readonly ArrayLike<number>[],
  options: HierarchicalBootstrapOptions = {},
): DifferenceEstimate {
  checkPaired(
    "draw a paired bootstrap",
    "numbers of groups",
    candidate.length,
    reference.length,
  );
  const differences = candidate.map((group, g) => {
    const other = reference[g]!;
    checkPaired(
      "draw a paired bootstrap",
      `sizes of group ${g}`,
      group.length,
      other.length,
    );
    return Float64Array.from(group, (value, i) => value - other[i]!);
  });
  const { statistic = mean } = options;
  const draws = resample(differences, options);
  const below = draws.filter((value) => value <= 0).length;
  const above = draws.filter((value) => value >= 0).length;
  const tail = (Math.min(below, above) + 1) / (draws.length + 1);
  return {
    ...interval(statistic(pool(differences)), draws, options.level),
    pValue: Math.min(1, 2 * tail),
  };
}

/**
 * The ratio of two things measured in turn (a, b, a, b, …): the median of the ratios of
 * neighbours, so that a drift of the machine cancels, with its interval.
 * @param numerator times in one unit, above 0
 * @param denominator times in the same unit, above 0, one for each of `numerator`
 * @throws {TypeError} If the numbers of times differ.
 * @throws {RangeError} If there are none, one is not above 0 and finite, or an option is
 *   outside its range.
 */
export function bootstrapMedianRatio(
  numerator: ArrayLike<number>,
  denominator: ArrayLike<number>,
  options: BootstrapOptions = {},
): Estimate {
  checkPaired(
    "compute a time ratio",
    "numbers of times",
    numerator.length,
    denominator.length,
  );
  const ratios = Float64Array.from(
    numerator,
    (value, i) => checkTime(value) / checkTime(denominator[i]!),
  );
  return hierarchicalBootstrap([ratios], { ...options, statistic: median });
}

function resample(
  groups: readonly ArrayLike<number>[],
  options: HierarchicalBootstrapOptions,
): Float64Array {
  const { draws = 10_000, level = 0.95, seed = 0, statistic = mean } = options;
  checkGroups(groups);
  if (!(level > 0 && level < 1)) {
    throw new RangeError(
      `Cannot draw a bootstrap as level must be in (0, 1): current value is ${level}`,
    );
  }
  if (!Number.isInteger(draws) || draws < 1) {
    throw new RangeError(
      `Cannot draw a bootstrap as draws must be an integer of at least 1: ` +
        `current value is ${draws}`,
    );
  }
  const random = seededRandom(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const largest = Math.max(...groups.map((group) => group.length));
  const buffer = new Float64Array(groups.length * largest);
  const results = new Float64Array(draws);
  for (let draw = 0; draw < draws; draw++) {
    let count = 0;
    for (let g = 0; g < groups.length; g++) {
      const group = groups[below(groups.length)]!;
      for (let i = 0; i < group.length; i++) {
        buffer[count++] = group[below(group.length)]!;
      }
    }
    results[draw] = statistic(buffer.subarray(0, count));
  }
  return results.sort();
}

function interval(value: number, draws: Float64Array, level = 0.95): Estimate {
  return {
    value,
    lower: sortedQuantile(draws, (1 - level) / 2),
    upper: sortedQuantile(draws, (1 + level) / 2),
  };
}

function pool(groups: readonly ArrayLike<number>[]): Float64Array {
  return Float64Array.from(groups.flatMap((group) => Array.from(group)));
}

function checkGroups(groups: readonly ArrayLike<number>[]): void {
  const empty = groups.findIndex((group) => group.length === 0);
  if (groups.length === 0 || empty !== -1) {
    throw new RangeError(
      "Cannot draw a bootstrap as there must be at least one group and none may be empty: " +
        (groups.length === 0
          ? "current number is 0"
          : `group ${empty} is empty`),
    );
  }
  const broken = groups.findIndex((group) =>
    Array.from(group).some(Number.isNaN),
  );
  if (broken !== -1) {
    throw new RangeError(
      `Cannot draw a bootstrap as every value must be a number: group ${broken} holds NaN`,
    );
  }
}

function checkPaired(
  attempt: string,
  what: string,
  a: number,
  b: number,
): void {
  if (a === b) return;
  throw new TypeError(
    `Cannot ${attempt} as both sides must pair up: current ${what} are ${a} and ${b}`,
  );
}

function checkTime(time: number): number {
  if (time > 0 && Number.isFinite(time)) return time;
  throw new RangeError(
    `Cannot compute a time ratio as every time must be above 0 and finite: ` +
      `current value is ${time}`,
  );
}
