// Phases, found and not assumed: whether what units do falls into parts in time, into how many, and where they meet.
//
// Each model of the rows' course (1 to 5 constant pieces with boundaries shared by all rows; a line; a parabola) is
// fitted to all groups but one and scored on the one left out. Of the piecewise-constant ones the smallest within one
// standard error of the best is taken; where a trend is as good as that one, there are no phases. No single row may
// decide: the choice is made again without each row in turn, and the least that is found is what is said.

import { mean, quantile, seededRandom } from "@phaseskip/metrics";
import type { Boundaries, Rows } from "./segmentation.js";
import { segmentations, stepsOf, trendsOf } from "./segmentation.js";

/** What is known of the rows' course: one matrix `[row][time]` for each group, such as a prompt. */
export type Courses = readonly (readonly ArrayLike<number>[])[];

/** Pieces that are tried at most. */
const mostPhases = 5;

/** How phases are looked for. */
export interface PhaseOptions {
  /** Resamples of the groups. @default 1000 */
  readonly draws?: number;
  /** Share of the draws inside an interval, in (0, 1). @default 0.95 */
  readonly level?: number;
  /** Seed of the resampling. @default 0 */
  readonly seed?: number;
}

/** Where one phase ends and the next begins. */
export interface PhaseBoundary {
  /** Index of the first time of the next phase. */
  readonly at: number;
  /** The interval's lower end, in the same unit. */
  readonly lower: number;
  /** Its upper end. */
  readonly upper: number;
}

/** What was found. */
export interface PhaseFinding {
  /**
   * `phases`: two or more; `none`: no course at all; `gradual`: a course, which a trend tells as well as phases do;
   * `unknown`: too few groups to tell.
   */
  readonly verdict: "phases" | "none" | "gradual" | "unknown";
  /** Boundaries of the phases; empty unless the verdict is `phases`. */
  readonly boundaries: readonly PhaseBoundary[];
  /** Error of 1, 2, … pieces on the groups left out, as a share of the rows' variance. */
  readonly errors: readonly number[];
  /** Of a line and of a parabola. */
  readonly trendErrors: readonly [linear: number, quadratic: number];
  /** By number of phases less one: the share of resamples that find it; 1 where they find none or a trend. */
  readonly probabilities: readonly number[];
}

/**
 * Looks for phases.
 *
 * @example
 * ```ts
 * import { findPhases } from "@phaseskip/ablation";
 *
 * // three prompts, one unit each, whose effect falls after a third of the time
 * const course = (noise: number) => [[4, 4 + noise, 1, 1, 1 - noise, 1]];
 * const { verdict, boundaries } = findPhases([course(0.1), course(-0.1), course(0)]);
 * ```
 * @param courses log normalised effects by group, row (unit) and time; groups are what is left out and resampled
 * @throws {TypeError} If groups differ in rows, or rows in length
 * @throws {RangeError} If a value is not finite
 */
export function findPhases(
  courses: Courses,
  options: PhaseOptions = {},
): PhaseFinding {
  checkCourses(courses);
  const { draws = 1000, level = 0.95, seed = 0 } = options;
  const centred = courses.map((rows) => rows.map(centre));
  const all = centred.map((_, group) => group);
  if (centred.length < 3) {
    return {
      verdict: "unknown",
      boundaries: [],
      errors: [],
      trendErrors: [NaN, NaN],
      probabilities: [],
    };
  }
  const chosen = choose(centred, all);
  const boundaries =
    chosen.segments > 1 ? fit(centred, all, chosen.segments) : [];
  const random = seededRandom(seed);
  const counts = new Array<number>(mostPhases).fill(0);
  const drawn: number[][] = boundaries.map(() => []);
  for (let draw = 0; draw < draws; draw++) {
    const groups = all.map(() => Math.floor(random() * all.length));
    // of one group alone nothing can be left out
    const found =
      new Set(groups).size > 1 ? choose(centred, groups) : undefined;
    counts[(found?.segments ?? 1) - 1]!++;
    if (boundaries.length > 0) {
      fit(centred, groups, chosen.segments).forEach((at, i) =>
        drawn[i]!.push(at),
      );
    }
  }
  return {
    verdict: chosen.verdict,
    boundaries: boundaries.map((at, i) => ({
      at,
      lower: drawn[i]!.length > 0 ? quantile(drawn[i]!, (1 - level) / 2) : at,
      upper: drawn[i]!.length > 0 ? quantile(drawn[i]!, (1 + level) / 2) : at,
    })),
    errors: chosen.errors,
    trendErrors: chosen.trendErrors,
    probabilities: counts.map((count) => (draws > 0 ? count / draws : NaN)),
  };
}

interface Choice {
  readonly verdict: "phases" | "none" | "gradual";
  readonly segments: number;
  readonly errors: number[];
  readonly trendErrors: [number, number];
}

/** By model (1, 2, … pieces, then a line and a parabola), by group left out, by row: the squared error. */
type Scores = readonly (readonly Float64Array[])[];

/** Scores every model on groups left out; `groups` may name one more than once, and then leaves it out whole. */
function choose(courses: Courses, groups: readonly number[]): Choice {
  const length = courses[0]![0]!.length;
  const most = Math.min(mostPhases, length);
  const scores = Array.from({ length: most + 2 }, (): Float64Array[] => []);
  for (const left of new Set(groups)) {
    const rest = groups.filter((group) => group !== left);
    const scales = rowScales(courses, rest);
    const train = meanRows(courses, rest, scales);
    const test = meanRows(courses, [left], scales);
    const predicted = [
      ...segmentations(train, most).map((at) => stepsOf(train, at)),
      trendsOf(train, 1),
      trendsOf(train, 2),
    ];
    predicted.forEach((rows, k) => scores[k]!.push(rowErrors(rows, test)));
  }
  const whole = chooseFrom(scores);
  const rows = courses[0]!.length;
  let least = whole;
  for (let r = 0; r < rows && rows > 2 && least.segments > 1; r++) {
    const without = chooseFrom(scores, r);
    if (without.segments < least.segments) least = without;
  }
  return { ...whole, verdict: least.verdict, segments: least.segments };
}

/** @param without a row that does not count */
function chooseFrom(scores: Scores, without = -1): Choice {
  const byGroup = scores.map((groups) =>
    groups.map((rows) => mean(rows.filter((_, r) => r !== without))),
  );
  const pieces = byGroup.slice(0, -2);
  const trends = byGroup.slice(-2);
  const errors = pieces.map((groups) => mean(groups));
  const [linear, quadratic] = trends.map((groups) => mean(groups));
  const trendErrors: [number, number] = [linear!, quadratic!];
  const best = errors.indexOf(Math.min(...errors));
  const limit = errors[best]! + standardError(pieces[best]!);
  const segments = 1 + errors.findIndex((score) => score <= limit);
  if (segments === 1) return { verdict: "none", segments, errors, trendErrors };
  const trend = trends[linear! <= quadratic! ? 0 : 1]!;
  const chosen = pieces[segments - 1]!;
  const difference = chosen.map((score, group) => score - trend[group]!);
  const isTrend =
    Math.min(...trendErrors) <= mean(chosen) + standardError(difference);
  return isTrend
    ? { verdict: "gradual", segments: 1, errors, trendErrors }
    : { verdict: "phases", segments, errors, trendErrors };
}

function fit(
  courses: Courses,
  groups: readonly number[],
  segments: number,
): Boundaries {
  const rows = meanRows(courses, groups, rowScales(courses, groups));
  return segmentations(rows, segments)[segments - 1] ?? [];
}

/** By row: the standard deviation over time within groups; rows that stay the same get 1. */
function rowScales(courses: Courses, groups: readonly number[]): number[] {
  return courses[0]!.map((_, r) => {
    const squares = groups.map((group) => {
      const row = Array.from(courses[group]![r]!);
      return mean(row.map((value) => value * value));
    });
    const scale = Math.sqrt(mean(squares));
    return scale > 1e-12 ? scale : 1;
  });
}

function meanRows(
  courses: Courses,
  groups: readonly number[],
  scales: readonly number[],
): Float64Array[] {
  return scales.map((scale, r) => {
    const row = new Float64Array(courses[0]![r]!.length);
    for (const group of groups) {
      const values = courses[group]![r]!;
      for (let t = 0; t < row.length; t++)
        row[t]! += values[t]! / (scale * groups.length);
    }
    return row;
  });
}

function rowErrors(predicted: Rows, test: Rows): Float64Array {
  return Float64Array.from(test, (row, r) => {
    let sum = 0;
    for (let t = 0; t < row.length; t++)
      sum += (row[t]! - predicted[r]![t]!) ** 2;
    return sum / row.length;
  });
}

function standardError(scores: readonly number[]): number {
  if (scores.length < 2) return 0;
  const middle = mean(scores);
  const squares = scores.map((score) => (score - middle) ** 2);
  const variance = (mean(squares) * scores.length) / (scores.length - 1);
  return Math.sqrt(variance / scores.length);
}

function centre(row: ArrayLike<number>): Float64Array {
  const middle = mean(row);
  return Float64Array.from(row, (value) => value - middle);
}

function checkCourses(courses: Courses): void {
  const rows = courses[0]?.length ?? 0;
  const length = courses[0]?.[0]?.length ?? 0;
  const isAlike = courses.every(
    (group) =>
      group.length === rows && group.every((row) => row.length === length),
  );
  if (!isAlike || rows === 0 || length === 0) {
    throw new TypeError(
      "Cannot look for phases as there must be rows, as many in every group and all of one length: they differ or are missing",
    );
  }
  for (const [group, matrix] of courses.entries()) {
    const row = matrix.findIndex((values) =>
      Array.from(values).some((value) => !Number.isFinite(value)),
    );
    if (row >= 0) {
      throw new RangeError(
        `Cannot look for phases as every value must be finite: row ${row} of group ${group} holds another`,
      );
    }
  }
}
