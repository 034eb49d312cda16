// DPM-Solver and DPM-Solver++ in their multistep form, of order 1 to 3.
//
//   Lu et al. 2022 (arXiv 2211.01095), algorithm 2     here
//   x̃_{t_i}                                            prevSample
//   x_θ, data prediction; ε_θ, noise prediction        converted
//   α_t, σ_t, λ_t                                      signal, noise, logSnr of a level
//   h_i = λ_{t_i} − λ_{t_{i−1}}                        h
//   D_i                                                multistepDifferences
//
// The weights of a step are in step/dpm-coefficients.ts.

import type { RunOptions, SchedulerConfig } from "../config/config.js";
import { configReader } from "../config/config-reader.js";
import { readFinalSigma, withFiniteSigmas } from "../grid/sigmas.js";
import { noiseSchedule } from "../grid/noise-schedule.js";
import { solverSteps } from "../grid/solver-steps.js";
import { stepRequest } from "../grid/step-request.js";
import type { Scheduler } from "../scheduler.js";
import { defineScheduler } from "../step/define-scheduler.js";
import {
  dpmAlgorithms,
  dpmStep,
  isOfData,
  isStochastic,
} from "../step/dpm-coefficients.js";
import { readPredictionType } from "../step/prediction.js";
import { sampleBound } from "../step/sample-bound.js";
import { solverLevel } from "../step/solver-level.js";
import {
  hasLearnedVariance,
  multistepDifferences,
  readAlgorithm,
  readSolverType,
  rejectZeroFinalSigma,
  solverPrediction,
} from "../step/solver-prediction.js";

/**
 * DPM-Solver++, as diffusers' `DPMSolverMultistepScheduler`. The stochastic forms
 * (`algorithm_type: "sde-dpmsolver++"`) want noise at every step.
 *
 * @param options the configuration and the steps; `algorithm_type` is `dpmsolver++`,
 * `dpmsolver`, `sde-dpmsolver++` or `sde-dpmsolver` (`deis` is read as the first), `solver_order`
 * is 1, 2 or 3
 * @throws {RangeError} If a value is out of range, unknown or not implemented, or if two steps
 * would share a timestep (most often: as many steps as training timesteps).
 * @throws {TypeError} If a value is of another type, or the steps are given twice or not at all.
 * @see diffusers 0.42.1, `schedulers/scheduling_dpmsolver_multistep.py`
 */
export function dpmpp2m(options: SchedulerConfig & RunOptions): Scheduler {
  const config = configReader("DPM-Solver++ 2M scheduler", options);
  const schedule = noiseSchedule(config);
  const { numTrainTimesteps } = schedule;
  const alphasCumprod = withFiniteSigmas(schedule);
  const predictionType = readPredictionType(config, "solver");
  const bound = sampleBound(config, null);
  const algorithm = readAlgorithm(config, dpmAlgorithms);
  const isData = isOfData(algorithm);
  const solverType = readSolverType(config);
  const order = config.number("solver_order", 2, { isInteger: true });
  const orders = algorithm === "sde-dpmsolver" ? [1, 2] : [1, 2, 3];
  if (!orders.includes(order))
    config.reject("solver_order", orders.join(" or "), order);
  const isLowerOrderFinal = config.boolean("lower_order_final", true);
  const isEulerAtFinal = config.boolean("euler_at_final", false);
  const request = stepRequest(config, options, {
    numTrainTimesteps,
    custom: "integer",
  });
  const { timesteps, sigmas, isFlow } = solverSteps(
    config,
    alphasCumprod,
    request,
    {
      isClipped: true,
      knowsLu: true,
      isCosineTruncated: true,
      finalSigma: (_, first) => readFinalSigma(config, first),
    },
  );
  rejectZeroFinalSigma(config, algorithm, sigmas.at(-1)!);
  const levels = sigmas.map((sigma) => solverLevel(sigma, isFlow));

  const last = timesteps.length - 1;
  const isShort = isLowerOrderFinal && timesteps.length < 15;
  /** The highest order that the end of the schedule allows. */
  const orderAt = (stepIndex: number) => {
    const isFirst = isEulerAtFinal || isShort || sigmas.at(-1) === 0;
    if (stepIndex === last && isFirst) return 1;
    return stepIndex === last - 1 && isShort ? Math.min(order, 2) : order;
  };

  return defineScheduler({
    title: config.title,
    name: "dpmpp-2m",
    timesteps,
    numTrainTimesteps,
    predictionType,
    alphasCumprod,
    sigmas,
    hasLearnedVariance: hasLearnedVariance(config, predictionType),
    needsNoise: () => isStochastic(algorithm),
    noiseWeights: (stepIndex) => levels[stepIndex]!,
    update({ modelOutput, sample, stepIndex, state, noise }) {
      const [from, to] = [levels[stepIndex]!, levels[stepIndex + 1]!];
      const { converted, predOriginalSample } = solverPrediction(
        predictionType,
        isData,
        bound,
        modelOutput.subarray(0, sample.length),
        sample,
        from,
      );
      const predictions = [...state.modelOutputs, converted];
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
          Math.fround(to.logSnr - from.logSnr),
        ),
        noise,
      });
      const modelOutputs = order > 1 ? predictions.slice(1 - order) : [];
      return { prevSample, predOriginalSample, carried: { modelOutputs } };
    },
  });
}
