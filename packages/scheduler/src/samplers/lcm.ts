// LCM: sampling of a latent consistency model, in very few steps.
//
//   Luo et al. 2023 (arXiv 2310.04378), algorithm 3     here
//   z_t, z_{τ}                                          sample, prevSample
//   f_θ(z, ω, c, t), equation 9                         predOriginalSample
//   c_skip(t), c_out(t)                                 skip, out
//   σ_data                                              SIGMA_DATA
//   k, skipping interval                                stride

import type { RunOptions, SchedulerConfig } from "../config/config.js";
import { configReader } from "../config/config-reader.js";
import { defineScheduler } from "../step/define-scheduler.js";
import { sqrt32, weightedSum } from "../float32.js";
import { distilledTimesteps } from "../grid/distilled-timesteps.js";
import { noiseSchedule } from "../grid/noise-schedule.js";
import {
  noiseLevel,
  predictOriginal,
  readPredictionType,
} from "../step/prediction.js";
import { sampleBound, unbounded } from "../step/sample-bound.js";
import type { Scheduler } from "../scheduler.js";
import { checkedTimesteps, stepRequest } from "../grid/step-request.js";

const f = Math.fround;
const SIGMA_DATA = 0.5;

/**
 * Latent consistency sampling, as diffusers' `LCMScheduler`. Its timesteps come from the
 * distilled schedule, whatever the spacing; every step but the last one of the list wants noise.
 *
 * @param options the configuration and the steps, at most `original_inference_steps` of them
 * @throws {RangeError} If a value is out of range, unknown or not implemented.
 * @throws {TypeError} If a value is of another type, or the steps are given twice or not at all.
 * @see diffusers 0.42.1, `schedulers/scheduling_lcm.py`
 */
export function lcm(options: SchedulerConfig & RunOptions): Scheduler {
  const config = configReader("LCM scheduler", options);
  const { numTrainTimesteps, alphasCumprod } = noiseSchedule(config, {
    betaStart: 0.00085,
    betaEnd: 0.012,
    betaSchedule: "scaled_linear",
  });
  const predictionType = readPredictionType(config);
  const bounded = sampleBound(config, false) ?? unbounded;
  const timestepScaling = f(config.number("timestep_scaling", 10));
  const request = stepRequest(config, options, {
    numTrainTimesteps,
    custom: "integer",
  });
  const { strength = 1 } = options;
  const given = request.timesteps?.slice(
    -Math.max(Math.floor(request.numInferenceSteps * strength), 1),
  );
  const timesteps = checkedTimesteps(
    config,
    given ??
      distilledTimesteps(
        config,
        numTrainTimesteps,
        request.numInferenceSteps,
        strength,
      ),
    alphasCumprod,
    predictionType,
  );
  const last = timesteps.length - 1;

  return defineScheduler({
    title: config.title,
    name: "lcm",
    timesteps,
    numTrainTimesteps,
    predictionType,
    alphasCumprod,
    needsNoise: (stepIndex) => stepIndex !== last,
    noiseWeights: (stepIndex) =>
      noiseLevel(alphasCumprod[timesteps[stepIndex]!]!),
    update({ modelOutput, sample, stepIndex, timestep, noise }) {
      const level = noiseLevel(alphasCumprod[timestep]!);
      const estimate = bounded(
        predictOriginal(predictionType, modelOutput, sample, level),
      );
      const scaledTimestep = f(timestep * timestepScaling);
      const divisor = f(f(scaledTimestep * scaledTimestep) + SIGMA_DATA ** 2);
      const skip = f(SIGMA_DATA ** 2 / divisor);
      const out = f(scaledTimestep / sqrt32(divisor));
      const predOriginalSample = weightedSum([out, estimate], [skip, sample]);
      if (stepIndex === last)
        return { prevSample: predOriginalSample.slice(), predOriginalSample };
      const next = noiseLevel(alphasCumprod[timesteps[stepIndex + 1]!]!);
      const prevSample = weightedSum(
        [next.signal, predOriginalSample],
        [next.noise, noise],
      );
      return { prevSample, predOriginalSample };
    },
  });
}
