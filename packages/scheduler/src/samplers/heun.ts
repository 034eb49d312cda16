// Heun's method: a step of Euler's, and a second one with the mean of the derivatives at both
// ends.
//
//   Karras et al. 2022 (arXiv 2206.00364), algorithm 1     here
//   t_i = σ_i, t_{i+1}                                      sigma, nextSigma
//   d_i, d'_i                                               first, second
//   D_θ(x; σ)                                               predOriginalSample

import type { RunOptions, SchedulerConfig } from "../config/config.js";
import { configReader } from "../config/config-reader.js";
import { quotient, scaled, weightedSum } from "../float32.js";
import { noiseSchedule } from "../grid/noise-schedule.js";
import { sigmaSteps } from "../grid/sigma-steps.js";
import { sigmaTable } from "../grid/sigmas.js";
import { stepRequest } from "../grid/step-request.js";
import type { Scheduler } from "../scheduler.js";
import { defineScheduler } from "../step/define-scheduler.js";
import { readPredictionType } from "../step/prediction.js";
import { sampleBound, unbounded } from "../step/sample-bound.js";
import {
  derivativeAtSigma,
  initNoiseSigma,
  originalAtSigma,
  sigmaNorm,
} from "../step/sigma-sample.js";

const f = Math.fround;

/**
 * Heun's method, as diffusers' `HeunDiscreteScheduler`. Every step but the last takes two calls
 * of the network: `timesteps` holds each entry but the first twice.
 *
 * @param options the configuration and the steps
 * @throws {RangeError} If a value is out of range, unknown or not implemented.
 * @throws {TypeError} If a value is of another type, or the steps are given twice or not at all.
 * @see diffusers 0.42.1, `schedulers/scheduling_heun_discrete.py`
 */
export function heun(options: SchedulerConfig & RunOptions): Scheduler {
  const config = configReader("Heun scheduler", options);
  const { numTrainTimesteps, alphasCumprod } = noiseSchedule(config, {
    betaStart: 0.00085,
    betaEnd: 0.012,
    isRescalable: false,
    ownSchedules: ["exp"],
  });
  const predictionType = readPredictionType(config);
  const bounded = sampleBound(config, false, false) ?? unbounded;
  const request = stepRequest(config, options, {
    numTrainTimesteps,
    custom: "fractional",
  });
  const table = sigmaTable(alphasCumprod);
  const steps = sigmaSteps(config, table, request);
  const sigmas = [...twice(steps.sigmas.map(f)), 0];

  return defineScheduler({
    title: config.title,
    name: "heun",
    timesteps: twice(steps.timesteps.map(f)),
    numInferenceSteps: steps.timesteps.length,
    order: 2,
    numTrainTimesteps,
    initNoiseSigma: initNoiseSigma(sigmas, steps.spacing),
    predictionType,
    alphasCumprod,
    sigmas,
    inputScale: (stepIndex) => sigmaNorm(sigmas[stepIndex]!),
    noiseWeights: (stepIndex) => ({ signal: 1, noise: sigmas[stepIndex]! }),
    update({ modelOutput, sample, stepIndex, state }) {
      const present = sigmas[stepIndex]!;
      const predOriginalSample = bounded(
        originalAtSigma(predictionType, modelOutput, sample, present),
      );
      const derivative = derivativeAtSigma(sample, predOriginalSample, present);
      const { heldSample, heldOutput } = state;
      if (!heldSample || !heldOutput) {
        const stride = f(sigmas[stepIndex + 1]! - present);
        return {
          prevSample: weightedSum([1, sample], [stride, derivative]),
          predOriginalSample,
          carried:
            stepIndex === sigmas.length - 2
              ? {}
              : { heldSample: scaled(sample, 1), heldOutput: derivative },
        };
      }
      const mean = quotient(weightedSum([1, heldOutput], [1, derivative]), 2);
      const stride = f(present - sigmas[stepIndex - 1]!);
      return {
        prevSample: weightedSum([1, heldSample], [stride, mean]),
        predOriginalSample,
        carried: { heldSample: null, heldOutput: null },
      };
    },
  });
}

/** Each entry but the first, twice. */
function twice(values: readonly number[]): number[] {
  return [values[0]!, ...values.slice(1).flatMap((value) => [value, value])];
}
