// Which timesteps a run visits, by NumPy's rules for rounding and for ranges.
//
// `leading` starts at 0 and takes whole strides, `trailing` ends at the last timestep, `linspace`
// touches both ends (Lin et al. 2023, arXiv 2305.08891, table 2).

import type { ConfigReader } from "../config/config-reader.js";

/** diffusers' words for the three spacings. */
export type TimestepSpacing = (typeof timestepSpacings)[number];

/** All spacings. */
export const timestepSpacings = ["leading", "trailing", "linspace"] as const;

/** How to space timesteps. */
export interface SpacingOptions {
  /** diffusers' `timestep_spacing`. */
  readonly spacing: TimestepSpacing;
  /** Timesteps of the training. */
  readonly numTrainTimesteps: number;
  /** Timesteps wanted. */
  readonly count: number;
  /** Added where the spacing is `leading`. */
  readonly offset: number;
  /** Whether `linspace` gives integers. @default true */
  readonly isRounded?: boolean;
}

/**
 * Spaces timesteps as most diffusers schedulers do.
 *
 * @returns descending timesteps
 */
export function spacedTimesteps(options: SpacingOptions): number[] {
  const {
    spacing,
    numTrainTimesteps,
    count,
    offset,
    isRounded = true,
  } = options;
  switch (spacing) {
    case "leading":
      return leading(count, Math.floor(numTrainTimesteps / count), offset);
    case "trailing":
      return trailing(numTrainTimesteps, numTrainTimesteps / count);
    case "linspace": {
      const timesteps = linspace(0, numTrainTimesteps - 1, count);
      return timesteps.map(isRounded ? roundHalfEven : Math.fround).reverse();
    }
    default:
      return spacing satisfies never;
  }
}

/** Multiples of a stride from 0 plus an offset, descending. */
export function leading(
  count: number,
  stride: number,
  offset: number,
): number[] {
  return Array.from(
    { length: count },
    (_, i) => (count - 1 - i) * stride + offset,
  );
}

/**
 * Strides down from `last`, less one. NumPy's `arange` gives one entry too many for some
 * strides (61 steps of 1000, for one), a timestep of −1 in diffusers: it is left out here.
 */
export function trailing(last: number, stride: number): number[] {
  const next = last - stride - last; // arange measures its stride between its first two entries
  const timesteps = Array.from(
    { length: Math.ceil(last / stride) },
    (_, i) => last + i * next,
  );
  return timesteps
    .map((value) => roundHalfEven(value) - 1)
    .filter((timestep) => timestep >= 0);
}

/** `numpy.linspace` in double precision, both ends inclusive. */
export function linspace(start: number, stop: number, count: number): number[] {
  const step = (stop - start) / (count - 1);
  return Array.from({ length: count }, (_, i) => {
    if (i === 0) return start;
    return i === count - 1 ? stop : i * step + start;
  });
}

/** Rounds to the nearest integer, halves to the even one, as NumPy does. */
export function roundHalfEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/**
 * Reads `timestep_spacing` and `steps_offset`.
 *
 * @param config of the sampler
 * @param spacing the class's default
 */
export function readSpacing(
  config: ConfigReader,
  spacing: TimestepSpacing,
): { readonly spacing: TimestepSpacing; readonly offset: number } {
  return {
    spacing: config.choice("timestep_spacing", spacing, timestepSpacings),
    offset: config.number("steps_offset", 0, { isInteger: true }),
  };
}
