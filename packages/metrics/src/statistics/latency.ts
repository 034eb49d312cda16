// What is said of a series of times.

import { median, quantile } from "./quantile.js";

/** A series of times in three numbers. */
export interface LatencySummary {
  /** Number of times. */
  readonly count: number;
  /** Median in ms. */
  readonly median: number;
  /** 10th percentile in ms: one in ten was faster. */
  readonly p10: number;
  /** 90th percentile in ms: one in ten was slower. */
  readonly p90: number;
}

/**
 * Median and outer tenths of a series of times.
 * @param times in ms, at least one, finite and not negative
 * @throws {RangeError} If there are none, or one is negative or not finite.
 */
export function summarizeLatency(times: ArrayLike<number>): LatencySummary {
  const broken = Array.from(times).find(
    (time) => !(time >= 0 && Number.isFinite(time)),
  );
  if (times.length === 0 || broken !== undefined) {
    throw new RangeError(
      "Cannot summarize times as there must be at least one, finite and not negative: " +
        (times.length === 0
          ? "current number is 0"
          : `current value is ${broken}`),
    );
  }
  return {
    count: times.length,
    median: median(times),
    p10: quantile(times, 0.1),
    p90: quantile(times, 0.9),
  };
}
