// DPM-Solver and DPM-Solver++ in their singlestep form: groups of one, two or three calls of the
// network, each group a step of that order from the group's first sample.
//
//   Lu et al. 2022 (arXiv 2206.00927), algorithms 1 and 2     here
//   x_s                                                       heldSample
//   D_i                                                       groupDifferences
//   orders of the steps                                       orders
//
// The weights of a step are in step/dpm-coefficients.ts.

import type { RunOptions, SchedulerConfig } from "../config/config.js";
import { configReader } from "../config/config-reader.js";
import { quotient, scaled, weightedSum } from "../float32.js";
import { noiseSchedule } from "../grid/noise-schedule.js";
import { readFinalSigma } from "../grid/sigmas.js";
import { solverSteps } from "../grid/solver-steps.js";
import { stepRequest } from "../grid/step-request.js";
import type { Scheduler } from "../scheduler.js";
import { defineScheduler } from "../step/define-scheduler.js";
import { dpmStep, isOfData, isStochastic } from "../step/dpm-coefficients.js";
import { readPredictionType } from "../step/prediction.js";
import { sampleBound } from "../step/sample-bound.js";
import { solverLevel } from "../step/solver-level.js";
import {
  hasLearnedVariance,
  readAlgorithm,
  readSolverType,
  rejectZeroFinalSigma,
  solverPrediction,
} from "../step/solver-prediction.js";

const f = Math.fround;

/**
 * DPM-Solver++ in its singlestep form, as diffusers' `DPMSolverSinglestepScheduler`. Each entry
 * of `timesteps` is one call of the network, whatever the order.
 *
 * @param options the configuration and the steps; `algorithm_type` is `dpmsolver++`,
 * `dpmsolver` or `sde-dpmsolver++`, `solver_order` is 1, 2 or 3
 * @throws {RangeError} If a value is out of range, unknown or not implemented, or if two steps
 * would share a timestep.
 * @throws {TypeError} If a value is of another type, or the steps are given twice or not at all.
 * @see diffusers 0.42.1, `schedulers/scheduling_dpmsolver_singlestep.py`
 */
export function dpmSinglestep(
  options: SchedulerConfig & RunOptions,
): Scheduler {
  const config = configReader("DPM-Solver singlestep scheduler", options);
  const { numTrainTimesteps, alphasCumprod } = noiseSchedule(config, {
    isRescalable: false,
  });
  const predictionType = readPredictionType(config, "solver");
  const bound = sampleBound(config, null);
  const algorithm = readAlgorithm(config, [
    "dpmsolver++",
    "dpmsolver",
    "sde-dpmsolver++",
  ]);
  const isData = isOfData(algorithm);
  const solverType = readSolverType(config);
  const order = config.number("solver_order", 2, { isInteger: true });
  if (![1, 2, 3].includes(order))
    config.reject("solver_order", "1 or 2 or 3", order);
  const request = stepRequest(config, options, {
    numTrainTimesteps,
    custom: "integer",
  });
  const { timesteps, sigmas, isFlow } = solverSteps(
    config,
    alphasCumprod,
    request,
    {
      isLinspace: true,
      isClipped: true,
      finalSigma: (_, first) => readFinalSigma(config, first),
    },
  );
  const count = timesteps.length;
  const isFinalZero = sigmas.at(-1) === 0;
  rejectZeroFinalSigma(config, algorithm, sigmas.at(-1)!);
  const isLowered =
    config.boolean("lower_order_final", false) ||
    count % order !== 0 ||
    isFinalZero;
  const orders = orderList(order, count, isLowered);
  if (isFinalZero) orders[count - 1] = 1;
  const levels = sigmas.map((sigma) => solverLevel(sigma, isFlow));

  return defineScheduler({
    title: config.title,
    name: "dpm-singlestep",
    timesteps,
    numTrainTimesteps,
    predictionType,
    alphasCumprod,
    sigmas,
    hasLearnedVariance: hasLearnedVariance(config, predictionType),
    needsNoise: () => isStochastic(algorithm),
    noiseWeights: (stepIndex) => levels[stepIndex]!,
    update({ modelOutput, sample, stepIndex, state, noise }) {
      const { converted, predOriginalSample } = solverPrediction(
        predictionType,
        isData,
        bound,
        modelOutput.subarray(0, sample.length),
        sample,
        levels[stepIndex]!,
      );
      const predictions = [...state.modelOutputs, converted].slice(-order);
      // Image to image may start inside of a group: it begins with a lower order.
      const own = Math.min(orders[stepIndex]!, predictions.length);
      const start = own === 1 ? sample : (state.heldSample ?? sample);
      const group = predictions.slice(-own);
      const [from, to] = [levels[stepIndex - own + 1]!, levels[stepIndex + 1]!];
      const isThirdMidpoint = own === 3 && solverType === "midpoint";
      const prevSample = dpmStep({
        algorithm,
        solverType: isThirdMidpoint ? "heun" : solverType,
        from,
        to,
        sample: start,
        differences: groupDifferences(
          group,
          group.map((_, i) => levels[stepIndex - own + 1 + i]!.logSnr),
          f(to.logSnr - from.logSnr),
          isThirdMidpoint,
        ),
        noise,
      });
      return {
        prevSample,
        predOriginalSample,
        carried: { modelOutputs: predictions, heldSample: scaled(start, 1) },
      };
    },
  });
}

/** The order of each call: what the groups of `order` calls end with, and what leads there. */
function orderList(order: number, count: number, isLowered: boolean): number[] {
  const groups = (number: number) =>
    Array.from({ length: number * order }, (_, i) => (i % order) + 1);
  if (!isLowered || order === 1) return groups(count / order);
  const rest = count % order;
  if (order === 3 && rest === 0) return [...groups(count / 3 - 1), 1, 2, 1];
  if (order === 3)
    return [...groups((count - rest) / 3), ...[1, 2].slice(0, rest)];
  return rest === 0
    ? [...groups(count / 2 - 1), 1, 1]
    : [...groups((count - 1) / 2), 1];
}

/** The group's first prediction and the differences from there; oldest first. */
function groupDifferences(
  predictions: readonly Float32Array[],
  logSnrs: readonly number[],
  h: number,
  isThirdMidpoint: boolean,
): Float32Array[] {
  const [first, ...later] = predictions;
  const ratios = later.map((_, i) => f(f(logSnrs[i + 1]! - logSnrs[0]!) / h));
  const slopes = later.map((prediction, i) =>
    scaled(weightedSum([1, prediction], [-1, first!]), f(1 / ratios[i]!)),
  );
  const [near, far] = slopes;
  if (!near) return [first!];
  if (!far) return [first!, near];
  if (isThirdMidpoint) return [first!, far];
  const [r1, r0] = ratios as [number, number];
  const apart = f(r0 - r1);
  return [
    first!,
    quotient(weightedSum([r0, near], [-r1, far]), apart),
    quotient(scaled(weightedSum([1, far], [-1, near]), 2), apart),
  ];
}
