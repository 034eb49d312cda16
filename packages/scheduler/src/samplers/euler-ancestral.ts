// Euler's method with ancestral noise: each step goes down further than the next sigma and adds
// noise back up to it.
//
//   k-diffusion, sample_euler_ancestral           here
//   sigma_up, sigma_down                          up, down
//
// For the variance-exploding form of Ho et al. 2020 (arXiv 2006.11239), section 3.2.

import type { RunOptions, SchedulerConfig } from "../config/config.js";
import { configReader } from "../config/config-reader.js";
import { eulerStepper } from "./euler-step.js";
import { ancestralStep } from "../step/ancestral-step.js";
import { noiseSchedule } from "../grid/noise-schedule.js";
import { readPredictionType } from "../step/prediction.js";
import type { Scheduler } from "../scheduler.js";
import { interpolated, sigmaTable, withFiniteSigmas } from "../grid/sigmas.js";
import { stepRequest } from "../grid/step-request.js";
import { readSpacing, spacedTimesteps } from "../grid/timestep-spacing.js";

const f = Math.fround;

/**
 * Euler's method with ancestral noise, as diffusers' `EulerAncestralDiscreteScheduler`. Every
 * step draws noise, the last one too (with weight 0).
 *
 * @param options the configuration and the number of steps; `prediction_type` is `epsilon` or
 * `v_prediction`, as in diffusers
 * @throws {RangeError} If a value is out of range, unknown or not implemented.
 * @throws {TypeError} If a value is of another type.
 * @see diffusers 0.42.1, `schedulers/scheduling_euler_ancestral_discrete.py`
 */
export function eulerAncestral(
  options: SchedulerConfig & RunOptions,
): Scheduler {
  const config = configReader("Euler ancestral scheduler", options);
  const schedule = noiseSchedule(config);
  const { numTrainTimesteps } = schedule;
  const alphasCumprod = withFiniteSigmas(schedule);
  const predictionType = readPredictionType(config, "noisy");
  const request = stepRequest(config, options, {
    numTrainTimesteps,
    custom: "none",
  });
  const count = request.numInferenceSteps;
  const { spacing, offset } = readSpacing(config, "linspace");
  const timesteps = spacedTimesteps({
    spacing,
    offset,
    numTrainTimesteps,
    count,
    isRounded: false,
  });
  const table = sigmaTable(alphasCumprod);

  return eulerStepper({
    title: config.title,
    name: "euler-ancestral",
    timesteps,
    sigmas: [
      ...timesteps.map((timestep) => f(interpolated(table, timestep))),
      0,
    ],
    spacing,
    numTrainTimesteps,
    predictionType,
    alphasCumprod,
    split: ancestralStep,
  });
}
