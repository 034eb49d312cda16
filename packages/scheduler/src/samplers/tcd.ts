// TCD: sampling of a model distilled for trajectory consistency, in very few steps.
//
//   Zheng et al. 2024 (arXiv 2402.19159), algorithm 2     here
//   γ                                                     eta
//   t, s, t_{n+1}                                         timestep, target, next timestep
//   f_θ^{→s}                                              noised

import type { SchedulerConfig } from "../config/config.js";
import { configReader } from "../config/config-reader.js";
import { sqrt32, weightedSum } from "../float32.js";
import { distilledTimesteps } from "../grid/distilled-timesteps.js";
import { noiseSchedule } from "../grid/noise-schedule.js";
import { checkedTimesteps, stepRequest } from "../grid/step-request.js";
import type { Scheduler } from "../scheduler.js";
import { defineScheduler } from "../step/define-scheduler.js";
import {
  noiseLevel,
  predictEpsilon,
  predictOriginal,
  readPredictionType,
} from "../step/prediction.js";
import type { DdimOptions } from "./ddim.js";

const f = Math.fround;

/**
 * Trajectory consistency sampling, as diffusers' `TCDScheduler`. It wants noise at every step
 * but the last, unless `eta` is 0.
 *
 * @param options the configuration and the steps, at most `original_inference_steps` of them;
 * `eta` is the share of noise, in [0, 1] (default 0.3)
 * @throws {RangeError} If a value is out of range, unknown or not implemented.
 * @throws {TypeError} If a value is of another type, or the steps are given twice or not at all.
 * @see diffusers 0.42.1, `schedulers/scheduling_tcd.py`
 */
export function tcd(options: SchedulerConfig & DdimOptions): Scheduler {
  const config = configReader("TCD scheduler", options);
  const { numTrainTimesteps, alphasCumprod } = noiseSchedule(config, {
    betaStart: 0.00085,
    betaEnd: 0.012,
    betaSchedule: "scaled_linear",
  });
  const predictionType = readPredictionType(config);
  const eta = options.eta ?? 0.3;
  if (!(eta >= 0 && eta <= 1)) config.reject("eta", "a number in [0, 1]", eta);
  const request = stepRequest(config, options, {
    numTrainTimesteps,
    custom: "integer",
  });
  const timesteps = checkedTimesteps(
    config,
    request.timesteps ??
      distilledTimesteps(config, numTrainTimesteps, request.numInferenceSteps),
    alphasCumprod,
    predictionType,
  );
  const last = timesteps.length - 1;

  return defineScheduler({
    title: config.title,
    name: "tcd",
    timesteps,
    numTrainTimesteps,
    predictionType,
    alphasCumprod,
    needsNoise: (stepIndex) => eta > 0 && stepIndex !== last,
    noiseWeights: (stepIndex) =>
      noiseLevel(alphasCumprod[timesteps[stepIndex]!]!),
    update({ modelOutput, sample, stepIndex, timestep, noise }) {
      const next = timesteps[stepIndex + 1] ?? 0;
      const target = Math.floor(f(f(1 - eta) * next));
      const level = noiseLevel(alphasCumprod[timestep]!);
      const original = predictOriginal(
        predictionType,
        modelOutput,
        sample,
        level,
      );
      const epsilon = predictEpsilon(
        predictionType,
        modelOutput,
        sample,
        level,
      );
      const targetLevel = noiseLevel(alphasCumprod[target]!);
      const noised = weightedSum(
        [targetLevel.signal, original],
        [targetLevel.noise, epsilon],
      );
      if (!(eta > 0) || stepIndex === last)
        return { prevSample: noised, predOriginalSample: original };
      const kept = f(alphasCumprod[next]! / alphasCumprod[target]!);
      const prevSample = weightedSum(
        [sqrt32(kept), noised],
        [sqrt32(f(1 - kept)), noise],
      );
      return { prevSample, predOriginalSample: original };
    },
  });
}
