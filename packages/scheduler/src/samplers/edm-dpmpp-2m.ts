// DPM-Solver++ in its multistep form for models of EDM's own parameterisation: signal 1, noise σ.
//
//   Lu et al. 2022 (arXiv 2211.01095), algorithm 2     here
//   λ_t = −log σ_t                                     logSnr of a level
//   D_i                                                multistepDifferences
//
// The preconditioning is in grid/edm-sigmas.ts, the weights of a step in step/dpm-coefficients.ts.

import type { RunOptions, SchedulerConfig } from "../config/config.js";
import { configReader } from "../config/config-reader.js";
import { isPreconditionedInside } from "../config/preconditioning.js";
import { edmSigmas } from "../grid/edm-sigmas.js";
import { readFinalSigma } from "../grid/sigmas.js";
import { stepRequest } from "../grid/step-request.js";
import type { Scheduler } from "../scheduler.js";
import { defineScheduler } from "../step/define-scheduler.js";
import { dpmStep, isStochastic } from "../step/dpm-coefficients.js";
import { sampleBound, unbounded } from "../step/sample-bound.js";
import { withLogSnr } from "../step/solver-level.js";
import {
  multistepDifferences,
  readAlgorithm,
  readSolverType,
} from "../step/solver-prediction.js";

const f = Math.fround;

/**
 * DPM-Solver++ in EDM's terms, as diffusers' `EDMDPMSolverMultistepScheduler`.
 *
 * @param options the configuration and the number of steps; `algorithm_type` is `dpmsolver++`
 * or `sde-dpmsolver++`, `solver_order` is 1, 2 or (without noise) 3
 * @throws {RangeError} If a value is out of range, unknown or not implemented.
 * @throws {TypeError} If a value is of another type.
 * @see diffusers 0.42.1, `schedulers/scheduling_edm_dpmsolver_multistep.py`
 */
export function edmDpmpp2m(options: SchedulerConfig & RunOptions): Scheduler {
  const config = configReader("EDM DPM-Solver++ 2M scheduler", options);
  const { numInferenceSteps } = stepRequest(config, options, {
    numTrainTimesteps: config.number("num_train_timesteps", 1000),
    custom: "none",
  });
  const edm = edmSigmas(
    config,
    numInferenceSteps,
    false,
    isPreconditionedInside(config, options),
  );
  const algorithm = readAlgorithm(config, ["dpmsolver++", "sde-dpmsolver++"]);
  const solverType = readSolverType(config);
  const bounded = sampleBound(config, null) ?? unbounded;
  const order = config.number("solver_order", 2, { isInteger: true });
  const orders = isStochastic(algorithm) ? [1, 2] : [1, 2, 3];
  if (!orders.includes(order))
    config.reject("solver_order", orders.join(" or "), order);
  const sigmas = [...edm.sigmas, readFinalSigma(config, f(edm.sigmaMin))];
  const levels = sigmas.map((sigma) => withLogSnr({ signal: 1, noise: sigma }));
  const last = numInferenceSteps - 1;
  const isShort =
    config.boolean("lower_order_final", true) && numInferenceSteps < 15;
  const isFinalFirst =
    config.boolean("euler_at_final", false) ||
    isShort ||
    sigmas.at(-1) === 0 ||
    sigmas.at(-1) === sigmas.at(-2); // no step at all
  const orderAt = (stepIndex: number) => {
    if (stepIndex === last && isFinalFirst) return 1;
    return stepIndex === last - 1 && isShort ? Math.min(order, 2) : order;
  };

  return defineScheduler({
    title: config.title,
    name: "edm-dpmpp-2m",
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
    needsNoise: () => isStochastic(algorithm),
    noiseWeights: (stepIndex) => levels[stepIndex]!,
    update({ modelOutput, sample, stepIndex, state, noise }) {
      const [from, to] = [levels[stepIndex]!, levels[stepIndex + 1]!];
      const predOriginalSample = bounded(
        edm.original(modelOutput, sample, sigmas[stepIndex]!),
      );
      const predictions = [...state.modelOutputs, predOriginalSample.slice()];
      const newest = predictions.slice(-orderAt(stepIndex)).reverse();
      const prevSample = dpmStep({
        algorithm,
        solverType,
        from,
        to,
        sample,
        differences: multistepDifferences(
          newest,
          newest.map((_, i) => levels[stepIndex - i]!.logSnr),
          f(to.logSnr - from.logSnr),
        ),
        noise,
      });
      const modelOutputs = order > 1 ? predictions.slice(1 - order) : [];
      return { prevSample, predOriginalSample, carried: { modelOutputs } };
    },
  });
}
