// Euler's method along the probability flow of a diffusion model.
//
//   Karras et al. 2022 (arXiv 2206.00364), algorithm 1     here
//   t_i = σ_i                                               sigmas[stepIndex]
//   t_N = 0                                                 readFinalSigma
//
// The step itself is in euler-step.ts.

import type { RunOptions, SchedulerConfig } from "../config/config.js";
import { configReader } from "../config/config-reader.js";
import { eulerStepper } from "./euler-step.js";
import { linspace32, noiseSchedule } from "../grid/noise-schedule.js";
import { sigmaSteps } from "../grid/sigma-steps.js";
import { readPredictionType } from "../step/prediction.js";
import type { Scheduler } from "../scheduler.js";
import {
  readFinalSigma,
  sigmaTable,
  withFiniteSigmas,
} from "../grid/sigmas.js";
import { stepRequest } from "../grid/step-request.js";

const f = Math.fround;

/**
 * Euler's method, as diffusers' `EulerDiscreteScheduler` without churn. Its default spacing gives
 * fractional timesteps; with `timestep_type: "continuous"` and `v_prediction`, as video models
 * have it, a timestep is a quarter of sigma's logarithm.
 *
 * @param options the configuration and the steps
 * @throws {RangeError} If a value is out of range, unknown or not implemented.
 * @throws {TypeError} If a value is of another type, or the steps are given twice or not at all.
 * @see diffusers 0.42.1, `schedulers/scheduling_euler_discrete.py`
 */
export function euler(options: SchedulerConfig & RunOptions): Scheduler {
  const config = configReader("Euler scheduler", options);
  const schedule = noiseSchedule(config);
  const { numTrainTimesteps } = schedule;
  const alphasCumprod = withFiniteSigmas(schedule);
  const predictionType = readPredictionType(config);
  const interpolation = config.choice("interpolation_type", "linear", [
    "linear",
    "log_linear",
  ]);
  const timestepType = config.choice("timestep_type", "discrete", [
    "discrete",
    "continuous",
  ]);
  const isContinuous =
    timestepType === "continuous" && predictionType === "v_prediction";
  const request = stepRequest(config, options, {
    numTrainTimesteps,
    custom: isContinuous ? "none" : "fractional",
  });
  const table = sigmaTable(alphasCumprod);
  const steps = sigmaSteps(config, table, request, {
    ...(interpolation === "log_linear" && {
      sigmas: logLinearSigmas(table, request.numInferenceSteps),
    }),
  });
  const sigmas = [...steps.sigmas, readFinalSigma(config, table[0]!)]
    .slice(0, steps.timesteps.length + 1) // log_linear has one more
    .map(f);
  const continuous = () =>
    sigmas.slice(0, -1).map((sigma) => f(0.25 * f(Math.log(sigma))));

  return eulerStepper({
    title: config.title,
    name: "euler",
    timesteps: isContinuous ? continuous() : steps.timesteps,
    sigmas,
    spacing: steps.spacing,
    numTrainTimesteps,
    predictionType,
    alphasCumprod,
  });
}

/** One descending run of sigmas, even in their logarithms: one more than there are steps. */
function logLinearSigmas(table: readonly number[], count: number): number[] {
  const from = f(Math.log(table.at(-1)!));
  const to = f(Math.log(table[0]!));
  return Array.from(linspace32(from, to, count + 1), (log) => f(Math.exp(log)));
}
