// Euler's method for models of EDM's own parameterisation.
//
//   Karras et al. 2022 (arXiv 2206.00364), algorithm 1     here
//   t_i = σ_i, t_{i+1}                                      sigmas[stepIndex], and the next
//   d_i                                                     derivative
//
// The preconditioning is in grid/edm-sigmas.ts.

import type { RunOptions, SchedulerConfig } from "../config/config.js";
import { configReader } from "../config/config-reader.js";
import { isPreconditionedInside } from "../config/preconditioning.js";
import { weightedSum } from "../float32.js";
import { edmSigmas } from "../grid/edm-sigmas.js";
import { readFinalSigma } from "../grid/sigmas.js";
import { stepRequest } from "../grid/step-request.js";
import type { Scheduler } from "../scheduler.js";
import { defineScheduler } from "../step/define-scheduler.js";
import { derivativeAtSigma } from "../step/sigma-sample.js";

const f = Math.fround;

/**
 * Euler's method in EDM's terms, as diffusers' `EDMEulerScheduler` without churn. A timestep is
 * a quarter of sigma's logarithm.
 *
 * @param options the configuration and the number of steps
 * @throws {RangeError} If a value is out of range, unknown or not implemented.
 * @throws {TypeError} If a value is of another type.
 * @see diffusers 0.42.1, `schedulers/scheduling_edm_euler.py`
 */
export function edmEuler(options: SchedulerConfig & RunOptions): Scheduler {
  const config = configReader("EDM Euler scheduler", options);
  const { numInferenceSteps } = stepRequest(config, options, {
    numTrainTimesteps: config.number("num_train_timesteps", 1000),
    custom: "none",
  });
  const edm = edmSigmas(
    config,
    numInferenceSteps,
    true,
    isPreconditionedInside(config, options),
  );
  const sigmas = [...edm.sigmas, readFinalSigma(config, edm.sigmas.at(-1)!)];

  return defineScheduler({
    title: config.title,
    name: "edm-euler",
    timesteps: edm.timesteps,
    timestepRange: edm.timestepRange,
    numTrainTimesteps: edm.numTrainTimesteps,
    initNoiseSigma: edm.initNoiseSigma,
    predictionType: edm.predictionType,
    alphasCumprod: [],
    sigmas,
    ...(edm.inputFactor && {
      inputFactor: (stepIndex) => edm.inputFactor!(sigmas[stepIndex]!),
    }),
    noiseWeights: (stepIndex) => ({ signal: 1, noise: sigmas[stepIndex]! }),
    update({ modelOutput, sample, stepIndex }) {
      const sigma = sigmas[stepIndex]!;
      const predOriginalSample = edm.original(modelOutput, sample, sigma);
      const derivative = derivativeAtSigma(sample, predOriginalSample, sigma);
      const stride = f(sigmas[stepIndex + 1]! - sigma);
      return {
        prevSample: weightedSum([1, sample], [stride, derivative]),
        predOriginalSample,
      };
    },
  });
}
