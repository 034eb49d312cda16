// DPM-Solver-2 in sigma (KDPM2): a step of Euler's to the middle of the logarithms, and the
// whole step with the derivative found there.
//
//   k-diffusion, sample_dpm_2 (Karras et al. 2022,          here
//   arXiv 2206.00364, algorithm 2)
//   sigmas[i], sigmas[i + 1]                                sigma, nextSigma
//   sigma_mid                                               middle
//   d, d_2                                                  derivative

import type { RunOptions, SchedulerConfig } from "../config/config.js";
import { kdpm2Grid, kdpm2Stepper } from "./kdpm2-step.js";
import type { Scheduler } from "../scheduler.js";

/**
 * DPM-Solver-2, as diffusers' `KDPM2DiscreteScheduler`. Every step but the last takes two calls
 * of the network, the second at a fractional timestep between two.
 *
 * @param options the configuration and the number of steps; `prediction_type` is `epsilon` or
 * `v_prediction`, as in diffusers
 * @throws {RangeError} If a value is out of range, unknown or not implemented.
 * @throws {TypeError} If a value is of another type.
 * @see diffusers 0.42.1, `schedulers/scheduling_k_dpm_2_discrete.py`
 */
export function kdpm2(options: SchedulerConfig & RunOptions): Scheduler {
  const grid = kdpm2Grid("KDPM2 scheduler", options);
  return kdpm2Stepper({
    ...grid,
    name: "kdpm2",
    steps: grid.sigmas.slice(0, -1).map((_, i) => {
      const next = grid.sigmas[i + 1]!;
      return { down: next, up: 0 };
    }),
    isMiddleOfNext: true,
  });
}
