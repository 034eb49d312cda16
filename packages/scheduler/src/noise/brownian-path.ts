// A path of Brownian motion between two times, known wherever it is looked up: the noise of
// DPM-Solver++ SDE, number for number that of diffusers.
//
// torchsde 0.2.6, _brownian/brownian_interval.py, as BatchedBrownianTree of diffusers 0.42.1
// (schedulers/scheduling_dpmsolver_sde.py) sets it up: each interval is halved, the value in the
// middle drawn from a seed of its own given the values at both ends, down to 1e-6.

import { weightedSum } from "../float32.js";
import { roundHalfEven } from "../grid/timestep-spacing.js";
import { generator } from "./generator.js";
import { seedSequence } from "./seed-sequence.js";

const f = Math.fround;

/** Digits after the point to which times are known. */
const DIGITS = 6;
const POOL_SIZE = 24;

type Values = Float32Array<ArrayBuffer>;

/** A path. */
export interface BrownianPath {
  /**
   * The increment between two times.
   *
   * @param from a time within the path's
   * @param to a later time within the path's
   * @returns a new array
   */
  increment(from: number, to: number): Values;
}

/**
 * The path of a seed.
 *
 * @param seed a non-negative safe integer
 * @param start first time
 * @param end last time
 * @param length dimensions
 */
export function brownianPath(
  seed: number,
  start: number,
  end: number,
  length: number,
): BrownianPath {
  const randn = (own: number) => generator(own).randn(length);
  const [wholeSeed] = seedSequence(seed, [], POOL_SIZE, 1);
  const deviation = f(Math.sqrt(end - start));
  const root: Interval = {
    start: rounded(start),
    end: rounded(end),
    key: 0,
    depth: 0,
    increment: weightedSum([deviation, randn(wholeSeed!)]),
  };

  /** Both halves of an interval. */
  const halves = (whole: Interval): readonly [Interval, Interval] => {
    const { start: from, end: to, key, depth, increment } = whole;
    const middle = rounded(0.5 * (to + from));
    const [own] = seedSequence(seed, [key, depth], POOL_SIZE, 1);
    const reciprocal = 1 / (to - from);
    const [before, after] = [middle - from, to - middle];
    const spread = f(Math.sqrt(before * after * reciprocal));
    const mean = weightedSum([f(before), increment]).map(
      (value) => value * f(reciprocal),
    );
    const left = weightedSum([1, mean], [spread, randn(own!)]);
    const right = weightedSum([1, increment], [-1, left]);
    const half = (isRight: 0 | 1) => ({
      key: 2 * key + isRight,
      depth: depth + 1,
    });
    return [
      { start: from, end: middle, increment: left, ...half(0) },
      { start: middle, end: to, increment: right, ...half(1) },
    ];
  };

  /** The increments of the halves, quarters and so on that make up the time asked for, in order. */
  const pieces = (within: Interval, from: number, to: number): Values[] => {
    if (from === within.start && to === within.end) return [within.increment];
    const [left, right] = halves(within);
    const middle = left.end;
    if (to <= middle) return pieces(left, from, to);
    if (from >= middle) return pieces(right, from, to);
    return [...pieces(left, from, middle), ...pieces(right, middle, to)];
  };

  return {
    increment(from, to) {
      const clamped = (time: number) =>
        rounded(Math.min(Math.max(time, root.start), root.end));
      const [first, last] = [clamped(from), clamped(to)];
      if (first === last) return new Float32Array(length);
      return pieces(root, first, last).reduce((sum, piece) =>
        weightedSum([1, sum], [1, piece]),
      );
    },
  };
}

interface Interval {
  readonly start: number;
  readonly end: number;
  /** Its place among those of its depth, from the left. */
  readonly key: number;
  readonly depth: number;
  readonly increment: Values;
}

/** Python's `round`: what lies in the middle, as odd multiples of 1/128 do, goes to the even digit. */
function rounded(time: number): number {
  if (Number.isInteger(time * 128))
    return roundHalfEven(time * 10 ** DIGITS) / 10 ** DIGITS;
  return Number(time.toFixed(DIGITS));
}
