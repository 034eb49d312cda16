// Euler's method along the probability flow of a diffusion model.
//
//   Karras et al. 2022 (arXiv 2206.00364), algorithm 1     here
//   t_i = σ_i                                               sigmas[stepIndex]
//   t_N = 0                                                 readFinalSigma
//
// The step itself is in euler-step.ts.

import type { RunOptions, SchedulerConfig } from "../config/config.js";
import { configReader } from "../config/config-reader.js";
import type { ConfigReader } from "../config/config-reader.js";
import { eulerStepper } from "./euler-step.js";
import { linspace32, noiseSchedule } from "../grid/noise-schedule.js";
import { readPredictionType } from "../step/prediction.js";
import type { PredictionType, Scheduler } from "../scheduler.js";
import {
  interpolated,
  karrasSigmas,
  readFinalSigma,
  readSigmaRange,
  rejectOtherSigmas,
  sigmaTable,
  timestepsOfSigmas,
  withFiniteSigmas,
} from "../grid/sigmas.js";
import {
  rejectTimestepsUnderKarras,
  stepRequest,
} from "../grid/step-request.js";
import { readSpacing, spacedTimesteps } from "../grid/timestep-spacing.js";

const f = Math.fround;

/**
 * Euler's method, as diffusers' `EulerDiscreteScheduler` without churn. Its default spacing gives
 * fractional timesteps.
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
  rejectOtherSigmas(config, ["use_exponential_sigmas", "use_beta_sigmas"]);
  rejectContinuousTimesteps(config, predictionType);
  const isKarras = config.boolean("use_karras_sigmas", false);
  const interpolation = config.choice("interpolation_type", "linear", [
    "linear",
    "log_linear",
  ]);
  const request = stepRequest(config, options, {
    numTrainTimesteps,
    custom: "fractional",
  });
  rejectTimestepsUnderKarras(config, isKarras, request.timesteps);
  const count = request.numInferenceSteps;

  const table = sigmaTable(alphasCumprod);
  const { spacing, offset } = readSpacing(config, "linspace");
  const spaced = {
    spacing,
    offset,
    numTrainTimesteps,
    count,
    isRounded: false,
  };
  let timesteps = request.timesteps?.map(f) ?? spacedTimesteps(spaced);
  let sigmas =
    interpolation === "linear"
      ? timesteps.map((timestep) => interpolated(table, timestep))
      : logLinearSigmas(table, count);
  if (isKarras) {
    const range = readSigmaRange(config, {
      min: sigmas.at(-1)!,
      max: sigmas[0]!,
    });
    sigmas = karrasSigmas(range.max, range.min, count);
    timesteps = timestepsOfSigmas(sigmas, table).map(f);
  }

  return eulerStepper({
    title: config.title,
    name: "euler",
    timesteps,
    sigmas: [...sigmas, readFinalSigma(config, table)].map(f),
    spacing,
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

function rejectContinuousTimesteps(
  config: ConfigReader,
  predictionType: PredictionType,
): void {
  const type = config.choice("timestep_type", "discrete", [
    "discrete",
    "continuous",
  ]);
  if (type === "continuous" && predictionType === "v_prediction") {
    const wanted = `"discrete" with v_prediction ("continuous" is not implemented)`;
    config.reject("timestep_type", wanted, type);
  }
}
