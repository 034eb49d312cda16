// Where one model of a chain stops and the next one goes on: a mixture of denoisers, as Stable Diffusion XL's base and
// refiner are.

import { roundHalfEven } from "./grid/timestep-spacing.js";
import type { PartialSchedule } from "./image-to-image.js";
import type { Scheduler } from "./scheduler.js";

/**
 * The last part of a schedule, from where another model stopped: the timesteps below the part of the training's that
 * `denoisingStart` leaves. A sampler of order 2 begins with a whole step.
 *
 * @param denoisingStart the part of the way that is done, above 0 and below 1
 * @throws {RangeError} If it is not, or if the scheduler's timesteps are no training timesteps.
 * @see diffusers 0.42.1, `pipelines/stable_diffusion_xl/pipeline_stable_diffusion_xl_img2img.py`, `get_timesteps`
 */
export function timestepsAfter(
  scheduler: Scheduler,
  denoisingStart: number,
): PartialSchedule {
  const cutoff = cutoffOf(scheduler, "denoisingStart", denoisingStart);
  const { timesteps, order } = scheduler;
  const left = timesteps.filter((timestep) => timestep < cutoff).length;
  const isHalf = order === 2 && left % 2 === 0;
  const startIndex = Math.max(timesteps.length - left - (isHalf ? 1 : 0), 0);
  return { startIndex, timesteps: timesteps.slice(startIndex) };
}

/**
 * How many of a run's steps come before another model goes on: those with timesteps from the part of the training's on
 * that `denoisingEnd` leaves.
 *
 * @param timesteps of the run, noisiest first
 * @param denoisingEnd the part of the way that is to be done, above 0 and below 1
 * @throws {RangeError} If it is not, or if the scheduler's timesteps are no training timesteps.
 * @see diffusers 0.42.1, `pipelines/stable_diffusion_xl/pipeline_stable_diffusion_xl.py`, `__call__`
 */
export function stepsBefore(
  scheduler: Scheduler,
  timesteps: readonly number[],
  denoisingEnd: number,
): number {
  const cutoff = cutoffOf(scheduler, "denoisingEnd", denoisingEnd);
  return timesteps.filter((timestep) => timestep >= cutoff).length;
}

/** The training timestep between what is done and what is left. */
function cutoffOf(
  { name, numTrainTimesteps, timestepRange: [, most] }: Scheduler,
  option: string,
  part: number,
): number {
  if (!(part > 0 && part < 1)) {
    throw new RangeError(
      `Cannot cut the schedule as ${option} must be above 0 and below 1: current value is ${part}`,
    );
  }
  if (most !== numTrainTimesteps) {
    throw new RangeError(
      `Cannot cut the schedule as ${option} is a part of the training's timesteps: those of the scheduler ${name} are levels of noise`,
    );
  }
  return roundHalfEven(numTrainTimesteps - part * numTrainTimesteps);
}
