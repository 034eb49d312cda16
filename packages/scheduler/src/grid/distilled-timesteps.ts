// The timesteps of models that were distilled from a schedule of few steps: LCM and TCD.

import type { ConfigReader } from "../config/config-reader.js";

/**
 * Skips evenly through the distilled schedule.
 *
 * @param config of the sampler; `original_inference_steps` is the length of that schedule
 * @param count how many of them to take
 * @param strength the part of that schedule they are taken from, its least noisy one, above 0 and at most 1
 * @returns descending timesteps
 * @throws {RangeError} If there are not so many.
 * @see diffusers 0.42.1, `schedulers/scheduling_lcm.py`, `set_timesteps`
 */
export function distilledTimesteps(
  config: ConfigReader,
  numTrainTimesteps: number,
  count: number,
  strength = 1,
): number[] {
  const key = "original_inference_steps";
  const original = config.number(key, 50, { min: 1, isInteger: true });
  if (original > numTrainTimesteps) {
    config.reject(key, `an integer in [1, ${numTrainTimesteps}]`, original);
  }
  const stride = Math.floor(numTrainTimesteps / original);
  const most = Math.floor(original * strength);
  if (count > most) {
    const of = strength === 1 ? "" : ` times the strength ${strength}`;
    const wanted = `at most ${key} (${original})${of}`;
    config.reject("numInferenceSteps", wanted, count);
  }
  return Array.from({ length: count }, (_, i) => {
    const skipped = Math.floor(i * (most / count));
    return (most - skipped) * stride - 1;
  });
}
