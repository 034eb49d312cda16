// DDPM: ancestral sampling.
//
//   Ho et al. 2020 (arXiv 2006.11239)             here
//   x_t, x_{t−1}                                  sample, prevSample
//   ᾱ_t, ᾱ_{t−1}                                  alphaProd, alphaProdPrev
//   α_t, β_t between two visited timesteps        alpha, beta
//   β̃_t, posterior variance                       fixed_small
//   μ̃_t, equation 7                               weightedSum of x̂_0 and x_t
//
// The learned range is Nichol & Dhariwal 2021 (arXiv 2102.09672), equation 15.

import type { RunOptions, SchedulerConfig } from "../config/config.js";
import { configReader } from "../config/config-reader.js";
import { defineScheduler } from "../step/define-scheduler.js";
import { sqrt32, weightedSum } from "../float32.js";
import { noiseSchedule } from "../grid/noise-schedule.js";
import {
  noiseLevel,
  predictOriginal,
  readPredictionType,
} from "../step/prediction.js";
import { sampleBound, unbounded } from "../step/sample-bound.js";
import type { Scheduler } from "../scheduler.js";
import { checkedTimesteps, stepRequest } from "../grid/step-request.js";
import { readSpacing, spacedTimesteps } from "../grid/timestep-spacing.js";

const f = Math.fround;

/**
 * Ancestral sampling, as diffusers' `DDPMScheduler`. It wants noise at every timestep but 0.
 *
 * @param options the configuration and the steps; `variance_type` is `fixed_small`,
 * `fixed_small_log`, `fixed_large`, `learned` or `learned_range` (diffusers' own
 * `fixed_large_log` takes the root of a negative number, and is refused)
 * @throws {RangeError} If a value is out of range, unknown or not implemented.
 * @throws {TypeError} If a value is of another type, or the steps are given twice or not at all.
 * @see diffusers 0.42.1, `schedulers/scheduling_ddpm.py`
 */
export function ddpm(options: SchedulerConfig & RunOptions): Scheduler {
  const config = configReader("DDPM scheduler", options);
  const { numTrainTimesteps, alphasCumprod } = noiseSchedule(config, {
    ownSchedules: ["laplace", "sigmoid"],
  });
  const predictionType = readPredictionType(config);
  const varianceType = config.choice(
    "variance_type",
    "fixed_small",
    varianceTypes,
  );
  const bounded = sampleBound(config, true) ?? unbounded;
  const request = stepRequest(config, options, {
    numTrainTimesteps,
    custom: "integer",
  });
  const timesteps = checkedTimesteps(
    config,
    request.timesteps ??
      spacedTimesteps({
        ...readSpacing(config, "leading"),
        numTrainTimesteps,
        count: request.numInferenceSteps,
      }),
    alphasCumprod,
    predictionType,
  );

  return defineScheduler({
    title: config.title,
    name: "ddpm",
    timesteps,
    numTrainTimesteps,
    predictionType,
    alphasCumprod,
    hasLearnedVariance:
      varianceType === "learned" || varianceType === "learned_range",
    needsNoise: (stepIndex) => timesteps[stepIndex]! > 0,
    noiseWeights: (stepIndex) =>
      noiseLevel(alphasCumprod[timesteps[stepIndex]!]!),
    update({ modelOutput, sample, stepIndex, timestep, noise }) {
      const alphaProd = alphasCumprod[timestep]!;
      const next = timesteps[stepIndex + 1];
      const alphaProdPrev = next === undefined ? 1 : alphasCumprod[next]!;
      const betaProd = f(1 - alphaProd);
      const betaProdPrev = f(1 - alphaProdPrev);
      const alpha = f(alphaProd / alphaProdPrev);
      const beta = f(1 - alpha);

      const mean = modelOutput.subarray(0, sample.length);
      const predOriginalSample = bounded(
        predictOriginal(predictionType, mean, sample, noiseLevel(alphaProd)),
      );
      const prevSample = weightedSum(
        [f(f(sqrt32(alphaProdPrev) * beta) / betaProd), predOriginalSample],
        [f(f(sqrt32(alpha) * betaProdPrev) / betaProd), sample],
      );
      if (timestep > 0) {
        const smallVariance = Math.max(
          f(f(betaProdPrev / betaProd) * beta),
          f(1e-20),
        );
        const predicted = modelOutput.subarray(sample.length);
        const deviationOf = deviation(
          varianceType,
          smallVariance,
          beta,
          predicted,
        );
        for (let i = 0; i < prevSample.length; i++) {
          prevSample[i] = prevSample[i]! + f(deviationOf(i) * noise[i]!);
        }
      }
      return { prevSample, predOriginalSample };
    },
  });
}

const varianceTypes = [
  "fixed_small",
  "fixed_small_log",
  "fixed_large",
  "learned",
  "learned_range",
] as const;

/** Standard deviation of the added noise for each element. */
function deviation(
  varianceType: (typeof varianceTypes)[number],
  smallVariance: number,
  beta: number,
  predicted: Float32Array,
): (element: number) => number {
  const always = (root: number) => () => root;
  switch (varianceType) {
    case "fixed_small":
      return always(sqrt32(smallVariance));
    case "fixed_small_log":
      return always(f(Math.exp(f(0.5 * f(Math.log(smallVariance))))));
    case "fixed_large":
      return always(sqrt32(beta));
    case "learned":
      return (i) => sqrt32(predicted[i]!);
    case "learned_range": {
      const minLog = f(Math.log(smallVariance));
      const maxLog = f(Math.log(beta));
      return (i) => {
        const fraction = f(f(predicted[i]! + 1) / 2);
        const logVariance = f(
          f(fraction * maxLog) + f(f(1 - fraction) * minLog),
        );
        return f(Math.exp(f(0.5 * logVariance)));
      };
    }
    default:
      return varianceType satisfies never;
  }
}
