// DDIM: deterministic sampling, with as much noise back in as eta says.
//
//   Song et al. 2020 (arXiv 2010.02502)           here
//   x_t, x_{t−1}                                  sample, prevSample
//   α_t, α_{t−1} (ᾱ elsewhere)                    alphaProd, alphaProdPrev
//   η, σ_t of equation 16                         eta, deviation
//   predicted x_0, equation 12                    predOriginalSample
//   direction pointing to x_t                     direction · epsilon

import type { RunOptions, SchedulerConfig } from "../config/config.js";
import { configReader } from "../config/config-reader.js";
import { defineScheduler } from "../step/define-scheduler.js";
import { sqrt32, weightedSum } from "../float32.js";
import { noiseSchedule } from "../grid/noise-schedule.js";
import {
  noiseLevel,
  predictEpsilon,
  predictOriginal,
  readPredictionType,
} from "../step/prediction.js";
import { sampleBound, unbounded } from "../step/sample-bound.js";
import type { Scheduler } from "../scheduler.js";
import { checkedTimesteps, stepRequest } from "../grid/step-request.js";
import { readSpacing, spacedTimesteps } from "../grid/timestep-spacing.js";

const f = Math.fround;

/** What {@link ddim} takes beside the configuration. */
export interface DdimOptions extends RunOptions {
  /** Share of DDPM's noise put back at each step, from 0; noise is wanted above 0. @default 0 */
  readonly eta?: number | undefined;
}

/**
 * Deterministic sampling, as diffusers' `DDIMScheduler`. A timestep's predecessor lies one
 * stride (`floor(num_train_timesteps / numInferenceSteps)`) below it under every spacing, so
 * with `trailing` and `linspace` it may fall beside the next timestep of the list.
 *
 * @param options the configuration, the number of steps, eta
 * @throws {RangeError} If a value is out of range, unknown or not implemented.
 * @throws {TypeError} If a value is of another type.
 * @see diffusers 0.42.1, `schedulers/scheduling_ddim.py`
 */
export function ddim(options: SchedulerConfig & DdimOptions): Scheduler {
  const config = configReader("DDIM scheduler", options);
  const { numTrainTimesteps, alphasCumprod } = noiseSchedule(config);
  const predictionType = readPredictionType(config);
  const bounded = sampleBound(config, true) ?? unbounded;
  const isFinalClean = config.boolean("set_alpha_to_one", true);
  const finalAlphaCumprod = isFinalClean ? 1 : alphasCumprod[0]!;
  const eta = f(options.eta ?? 0);
  if (!(eta >= 0)) config.reject("eta", "a number not below 0", options.eta);
  const { numInferenceSteps } = stepRequest(config, options, {
    numTrainTimesteps,
    custom: "none",
  });
  const spacing = readSpacing(config, "leading");
  const timesteps = checkedTimesteps(
    config,
    spacedTimesteps({
      ...spacing,
      numTrainTimesteps,
      count: numInferenceSteps,
    }),
    alphasCumprod,
    predictionType,
  );
  const stride = Math.floor(numTrainTimesteps / numInferenceSteps);

  return defineScheduler({
    title: config.title,
    name: "ddim",
    timesteps,
    numInferenceSteps,
    numTrainTimesteps,
    predictionType,
    alphasCumprod,
    needsNoise: () => eta > 0,
    noiseWeights: (stepIndex) =>
      noiseLevel(alphasCumprod[timesteps[stepIndex]!]!),
    update({ modelOutput, sample, timestep, noise }) {
      const alphaProd = alphasCumprod[timestep]!;
      const alphaProdPrev =
        alphasCumprod[timestep - stride] ?? finalAlphaCumprod;
      const betaProdPrev = f(1 - alphaProdPrev);
      const level = noiseLevel(alphaProd);
      const predOriginalSample = bounded(
        predictOriginal(predictionType, modelOutput, sample, level),
      );
      const epsilon = predictEpsilon(
        predictionType,
        modelOutput,
        sample,
        level,
      );

      const decay = f(1 - f(alphaProd / alphaProdPrev));
      const variance = f(f(betaProdPrev / f(1 - alphaProd)) * decay);
      const deviation = f(eta * sqrt32(variance));
      const direction = sqrt32(f(betaProdPrev - f(deviation * deviation)));
      const signal = [sqrt32(alphaProdPrev), predOriginalSample] as const;
      const prevSample =
        eta > 0
          ? weightedSum(signal, [direction, epsilon], [deviation, noise])
          : weightedSum(signal, [direction, epsilon]);
      return { prevSample, predOriginalSample };
    },
  });
}
