// Where image to image enters the loop.

import type { Scheduler } from "./scheduler.js";

/** The part of a loop that image to image runs. */
export interface PartialSchedule {
  /** Index of the first step in the scheduler's timesteps; their length if nothing is left to do. */
  readonly startIndex: number;
  /** The timesteps from there on. */
  readonly timesteps: readonly number[];
}

/**
 * The last part of a schedule for image to image, as `get_timesteps` of diffusers' image-to-image
 * pipelines cuts it: `floor(numInferenceSteps · strength)` steps (PNDM's repeated one
 * beside).
 * The clean image enters through `addNoise` at the first of them, with a fresh state.
 *
 * @param scheduler whose timesteps to cut
 * @param strength how much of the way to go, 0 (nothing) to 1 (everything), both inclusive
 * @throws {RangeError} If `strength` is not within [0, 1].
 * @see diffusers 0.42.1, `pipelines/stable_diffusion/pipeline_stable_diffusion_img2img.py`
 */
export function timestepsFrom(
  scheduler: Scheduler,
  strength: number,
): PartialSchedule {
  if (!(strength >= 0 && strength <= 1)) {
    throw new RangeError(
      `Cannot cut the schedule as strength must be a number in [0, 1]: current value is ${strength}`,
    );
  }
  const { numInferenceSteps, timesteps, order } = scheduler;
  const skipped = numInferenceSteps - Math.floor(numInferenceSteps * strength);
  const startIndex = Math.min(skipped * order, timesteps.length);
  return { startIndex, timesteps: timesteps.slice(startIndex) };
}
