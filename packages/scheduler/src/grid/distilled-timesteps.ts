// The timesteps of models that were distilled from a schedule of few steps: LCM and TCD.

import type { ConfigReader } from "../config/config-reader.js";

/**
 * Skips evenly through the distilled schedule.
 *
 * @param config of the sampler; `original_inference_steps` is the length of that schedule
 * @param count how many of them to take
 * @returns descending timesteps
 * @throws {RangeError} If there are not so many.
 */
export function distilledTimesteps(
  config: ConfigReader,
  numTrainTimesteps: number,
  count: number,
): number[] {
  const key = "original_inference_steps";
  const original = config.number(key, 50, { min: 1, isInteger: true });
  if (original > numTrainTimesteps) {
    config.reject(key, `an integer in [1, ${numTrainTimesteps}]`, original);
  }
  if (count > original) {
    config.reject("numInferenceSteps", `at most ${key} (${original})`, count);
  }
  const stride = Math.floor(numTrainTimesteps / original);
  return Array.from({ length: count }, (_, i) => {
    const skipped = Math.floor(i * (original / count));
    return (original - skipped) * stride - 1;
  });
}
