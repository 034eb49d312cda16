// Keeps the estimated clean sample in bounds: by clipping, or by dynamic thresholding.
//
//   Saharia et al. 2022 (arXiv 2205.11487, section 2.3)     here
//   p, percentile                                           dynamic_thresholding_ratio
//   s, threshold                                            threshold
//   x̂_0                                                     sample

import type { ConfigReader } from "../config/config-reader.js";

const f = Math.fround;

/** Brings a clean sample into bounds; may return the very same array. */
export type SampleBound = (
  sample: Float32Array<ArrayBuffer>,
) => Float32Array<ArrayBuffer>;

/** Leaves a clean sample as it is. */
export const unbounded: SampleBound = (sample) => sample;

/**
 * Reads how a sampler bounds the clean sample. Thresholding goes before clipping, as in diffusers.
 *
 * @returns `null` where nothing is to be done
 * @param config of the sampler
 * @param clipByDefault the class's default of `clip_sample`; `null` if it knows no clipping
 * @param knowsThresholding whether the class knows thresholding
 * @throws {RangeError} If a value is out of range.
 * @throws {TypeError} If a value is of another type.
 */
export function sampleBound(
  config: ConfigReader,
  clipByDefault: boolean | null,
  knowsThresholding = true,
): SampleBound | null {
  if (knowsThresholding && config.boolean("thresholding", false)) {
    const ratio = config.number("dynamic_thresholding_ratio", 0.995, {
      min: 0,
    });
    if (ratio > 1)
      config.reject("dynamic_thresholding_ratio", "a number in [0, 1]", ratio);
    const maxValue = f(config.number("sample_max_value", 1));
    return (sample) => {
      const threshold = Math.min(
        Math.max(quantile(sample.map(Math.abs), f(ratio)), 1),
        maxValue,
      );
      return sample.map((value) => f(clamp(value, threshold)) / threshold);
    };
  }
  if (clipByDefault !== null && config.boolean("clip_sample", clipByDefault)) {
    const range = f(config.number("clip_sample_range", 1));
    return (sample) => sample.map((value) => clamp(value, range));
  }
  return null;
}

function clamp(value: number, range: number): number {
  return Math.min(Math.max(value, -range), range);
}

/** `torch.quantile` with linear interpolation, whose rank is a float32 number; NaN if any is. */
function quantile(values: Float32Array, ratio: number): number {
  const sorted = values.sort();
  const last = sorted.length - 1;
  if (last < 0 || Number.isNaN(sorted[last])) return NaN;
  const rank = f(ratio * last);
  const below = Math.floor(rank);
  const weight = f(rank - below);
  const low = sorted[below]!;
  const high = sorted[Math.ceil(rank)]!;
  const difference = f(high - low);
  return weight < 0.5
    ? f(low + weight * difference)
    : f(high + f(weight - 1) * difference);
}
