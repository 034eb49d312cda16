// DEIS: an exponential integrator that extrapolates the noise by a polynomial in log ρ, of order
// 1 to 3.
//
//   Zhang & Chen 2022 (arXiv 2204.13902)          here
//   ρ, rescaled time                              rhos: noise / signal of a level
//   C_ij, integrals of the Lagrange polynomials   coefficients
//   ε_θ                                           epsilon

import type { RunOptions, SchedulerConfig } from "../config/config.js";
import { configReader } from "../config/config-reader.js";
import { scaled, weightedSum } from "../float32.js";
import { numpyLog32 } from "../grid/numpy-log.js";
import { noiseSchedule } from "../grid/noise-schedule.js";
import { solverSteps } from "../grid/solver-steps.js";
import { stepRequest } from "../grid/step-request.js";
import type { Scheduler } from "../scheduler.js";
import { defineScheduler } from "../step/define-scheduler.js";
import {
  predictEpsilon,
  predictOriginal,
  readPredictionType,
} from "../step/prediction.js";
import { sampleBound, unbounded } from "../step/sample-bound.js";
import { solverLevel } from "../step/solver-level.js";

const f = Math.fround;

/**
 * DEIS in its log-ρ multistep form, as diffusers' `DEISMultistepScheduler`. Its last step goes
 * to the schedule's smallest sigma, not to none.
 *
 * @param options the configuration and the number of steps; `solver_order` is 1, 2 or 3,
 * `algorithm_type` and `solver_type` have but one meaning
 * @throws {RangeError} If a value is out of range, unknown or not implemented, or if two steps
 * would share a timestep.
 * @throws {TypeError} If a value is of another type.
 * @see diffusers 0.42.1, `schedulers/scheduling_deis_multistep.py`
 */
export function deis(options: SchedulerConfig & RunOptions): Scheduler {
  const config = configReader("DEIS scheduler", options);
  const { numTrainTimesteps, alphasCumprod } = noiseSchedule(config, {
    isRescalable: false,
  });
  const predictionType = readPredictionType(config, "solver");
  const bounded = sampleBound(config, null) ?? unbounded;
  const order = config.number("solver_order", 2, { isInteger: true });
  if (![1, 2, 3].includes(order))
    config.reject("solver_order", "1 or 2 or 3", order);
  const isLowerOrderFinal = config.boolean("lower_order_final", true);
  const request = stepRequest(config, options, {
    numTrainTimesteps,
    custom: "none",
  });
  const { timesteps, sigmas, isFlow } = solverSteps(
    config,
    alphasCumprod,
    request,
    { finalSigma: (last, first) => last ?? first },
  );
  const levels = sigmas.map((sigma) => solverLevel(sigma, isFlow));
  const rhos = levels.map(({ signal, noise }) => f(noise / signal));

  const left = (stepIndex: number) => timesteps.length - stepIndex;
  const isShort = isLowerOrderFinal && timesteps.length < 15;
  const orderAt = (stepIndex: number) =>
    isShort ? Math.min(order, left(stepIndex)) : order;

  return defineScheduler({
    title: config.title,
    name: "deis",
    timesteps,
    numTrainTimesteps,
    predictionType,
    alphasCumprod,
    sigmas,
    noiseWeights: (stepIndex) => levels[stepIndex]!,
    update({ modelOutput, sample, stepIndex, state }) {
      const [from, to] = [levels[stepIndex]!, levels[stepIndex + 1]!];
      const predOriginalSample = bounded(
        predictOriginal(predictionType, modelOutput, sample, from),
      );
      const epsilon = predictEpsilon(
        "sample",
        predOriginalSample,
        sample,
        from,
      );
      const epsilons = [...state.modelOutputs, scaled(epsilon, 1)];
      const newest = epsilons.slice(-orderAt(stepIndex)).reverse();
      let prevSample;
      if (newest.length === 1) {
        const h = f(to.logSnr - from.logSnr);
        const growth = f(f(Math.exp(h)) - 1);
        prevSample = weightedSum(
          [f(to.signal / from.signal), sample],
          [-f(to.noise * growth), epsilon],
        );
      } else {
        const nodes = newest.map((_, i) => rhos[stepIndex - i]!);
        const weights = coefficients(rhos[stepIndex + 1]!, nodes);
        // The sample is divided, not multiplied by a reciprocal: another rounding.
        const terms = newest.map((term, i) => [weights[i]!, term] as const);
        prevSample = scaled(
          weightedSum([1, sample.map((x) => x / from.signal)], ...terms),
          to.signal,
        );
      }
      const modelOutputs = order > 1 ? epsilons.slice(1 - order) : [];
      return { prevSample, predOriginalSample, carried: { modelOutputs } };
    },
  });
}

/**
 * The integrals from the newest node to `to` of the Lagrange polynomials in log ρ, for two or
 * three nodes, newest first.
 */
function coefficients(to: number, nodes: readonly number[]): number[] {
  const from = nodes[0]!;
  return nodes.map((node, i) => {
    const others = [...nodes.slice(i + 1), ...nodes.slice(0, i)];
    const integral = others[1] === undefined ? linearIntegral : squareIntegral;
    return f(
      integral(to, node, others[0]!, others[1]!) -
        integral(from, node, others[0]!, others[1]!),
    );
  });
}

const log = numpyLog32;

function linearIntegral(t: number, b: number, c: number): number {
  const numerator = f(t * f(f(-log(c) + log(t)) - 1));
  return f(numerator / f(log(b) - log(c)));
}

function squareIntegral(t: number, b: number, c: number, d: number): number {
  const [logT, logB, logC, logD] = [log(t), log(b), log(c), log(d)];
  const sum = [
    f(logC * f(f(logD - logT) + 1)),
    -f(logD * logT),
    logD,
    f(logT * logT),
    -f(2 * logT),
    2,
  ].reduce((total, term) => f(total + term));
  return f(f(t * sum) / f(f(logB - logC) * f(logB - logD)));
}
