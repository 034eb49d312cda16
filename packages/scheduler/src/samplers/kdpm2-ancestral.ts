// KDPM2 with ancestral noise: each step goes down further than the next sigma and adds noise
// back up to it.
//
//   k-diffusion, sample_dpm_2_ancestral           here
//   sigma_up, sigma_down                          up, down
//   sigma_mid                                     middle, between sigma and sigma_down

import type { RunOptions, SchedulerConfig } from "../config/config.js";
import { ancestralStep } from "../step/ancestral-step.js";
import { kdpm2Grid, kdpm2Stepper } from "./kdpm2-step.js";
import type { Scheduler } from "../scheduler.js";

/**
 * DPM-Solver-2 with ancestral noise, as diffusers' `KDPM2AncestralDiscreteScheduler`. Every step
 * but the last takes two calls of the network, and wants noise at the second.
 *
 * @param options the configuration and the number of steps; `prediction_type` is `epsilon` or
 * `v_prediction`, as in diffusers
 * @throws {RangeError} If a value is out of range, unknown or not implemented.
 * @throws {TypeError} If a value is of another type.
 * @see diffusers 0.42.1, `schedulers/scheduling_k_dpm_2_ancestral_discrete.py`
 */
export function kdpm2Ancestral(
  options: SchedulerConfig & RunOptions,
): Scheduler {
  const grid = kdpm2Grid("KDPM2 ancestral scheduler", options);
  const { sigmas } = grid;
  return kdpm2Stepper({
    ...grid,
    name: "kdpm2-ancestral",
    steps: sigmas
      .slice(0, -1)
      .map((sigma, i) => ancestralStep(sigma, sigmas[i + 1]!)),
    isMiddleOfNext: false,
  });
}
