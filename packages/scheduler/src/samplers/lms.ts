// LMS: linear multistep integration of the derivatives of up to four steps.
//
//   k-diffusion, linear_multistep_coeff           here
//   t, the sigmas                                 sigmas
//   integral of the Lagrange polynomial           coefficient

import type { RunOptions, SchedulerConfig } from "../config/config.js";
import { configReader } from "../config/config-reader.js";
import { weightedSum } from "../float32.js";
import { noiseSchedule } from "../grid/noise-schedule.js";
import { sigmaSteps } from "../grid/sigma-steps.js";
import { sigmaTable } from "../grid/sigmas.js";
import { stepRequest } from "../grid/step-request.js";
import type { Scheduler } from "../scheduler.js";
import { defineScheduler } from "../step/define-scheduler.js";
import { readPredictionType } from "../step/prediction.js";
import {
  derivativeAtSigma,
  initNoiseSigma,
  originalAtSigma,
  sigmaNorm,
} from "../step/sigma-sample.js";

const f = Math.fround;
const ORDER = 4;

/** Nodes and weights on [−1, 1] under which three-point Gauss integration is exact up to degree 5. */
const GAUSS = [
  [-Math.sqrt(0.6), 5 / 9],
  [0, 8 / 9],
  [Math.sqrt(0.6), 5 / 9],
] as const;

/**
 * Linear multistep sampling, as diffusers' `LMSDiscreteScheduler`.
 *
 * @param options the configuration and the number of steps
 * @throws {RangeError} If a value is out of range, unknown or not implemented.
 * @throws {TypeError} If a value is of another type.
 * @see diffusers 0.42.1, `schedulers/scheduling_lms_discrete.py`
 */
export function lms(options: SchedulerConfig & RunOptions): Scheduler {
  const config = configReader("LMS scheduler", options);
  const { numTrainTimesteps, alphasCumprod } = noiseSchedule(config, {
    isRescalable: false,
  });
  const predictionType = readPredictionType(config);
  const request = stepRequest(config, options, {
    numTrainTimesteps,
    custom: "none",
  });
  const steps = sigmaSteps(config, sigmaTable(alphasCumprod), request, {
    isKarrasBounded: false,
  });
  const sigmas = [...steps.sigmas.map(f), 0];

  return defineScheduler({
    title: config.title,
    name: "lms",
    timesteps: steps.timesteps.map(f),
    numTrainTimesteps,
    initNoiseSigma: initNoiseSigma(sigmas, steps.spacing),
    predictionType,
    alphasCumprod,
    sigmas,
    inputScale: (stepIndex) => sigmaNorm(sigmas[stepIndex]!),
    noiseWeights: (stepIndex) => ({ signal: 1, noise: sigmas[stepIndex]! }),
    update({ modelOutput, sample, stepIndex, state }) {
      const sigma = sigmas[stepIndex]!;
      const predOriginalSample = originalAtSigma(
        predictionType,
        modelOutput,
        sample,
        sigma,
      );
      const derivatives = [
        ...state.modelOutputs,
        derivativeAtSigma(sample, predOriginalSample, sigma),
      ].slice(-ORDER);
      // A run that starts late has fewer derivatives than its index would allow; the polynomial
      // still goes through as many sigmas as diffusers lets it.
      const order = Math.min(stepIndex + 1, ORDER);
      const [newest, ...earlier] = derivatives
        .toReversed()
        .slice(0, order)
        .map(
          (d, i) => [f(coefficient(sigmas, stepIndex, order, i)), d] as const,
        );
      const change = weightedSum(newest!, ...earlier);
      return {
        prevSample: weightedSum([1, sample], [1, change]),
        predOriginalSample,
        carried: { modelOutputs: derivatives },
      };
    },
  });
}

/** The integral over one step of the polynomial that is 1 at one of the last sigmas, 0 at the others. */
function coefficient(
  sigmas: readonly number[],
  stepIndex: number,
  order: number,
  current: number,
): number {
  const [from, to] = [sigmas[stepIndex]!, sigmas[stepIndex + 1]!];
  const node = sigmas[stepIndex - current]!;
  const others = Array.from({ length: order }, (_, k) => k)
    .filter((k) => k !== current)
    .map((k) => sigmas[stepIndex - k]!);
  const half = (to - from) / 2;
  return GAUSS.reduce((sum, [place, weight]) => {
    const sigma = from + half * (1 + place);
    const value = others.reduce(
      (product, other) => (product * (sigma - other)) / (node - other),
      1,
    );
    return sum + half * weight * value;
  }, 0);
}
