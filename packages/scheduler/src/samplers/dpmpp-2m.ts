// DPM-Solver++ in its multistep form, of order 1 or 2.
//
//   Lu et al. 2022 (arXiv 2211.01095), algorithm 2     here
//   x̃_{t_i}                                            prevSample
//   x_θ, data prediction                               predOriginalSample
//   α_t, σ_t                                           signal, noise of level(sigma)
//   λ_t = log(α_t / σ_t)                               logSnr
//   h_i = λ_{t_i} − λ_{t_{i−1}}, r_i = h_{i−1} / h_i   h, r
//   D_i                                                original, and slope · weight

import type { RunOptions, SchedulerConfig } from "../config/config.js";
import { configReader } from "../config/config-reader.js";
import type { ConfigReader } from "../config/config-reader.js";
import { dpmSteps } from "../grid/dpm-steps.js";
import { defineScheduler } from "../step/define-scheduler.js";
import { scaled, sqrt32, weightedSum } from "../float32.js";
import { noiseSchedule } from "../grid/noise-schedule.js";
import { predictOriginal, readPredictionType } from "../step/prediction.js";
import type { NoiseLevel } from "../step/prediction.js";
import { sampleBound } from "../step/sample-bound.js";
import type { Scheduler } from "../scheduler.js";
import { indexOfTimestep, withFiniteSigmas } from "../grid/sigmas.js";
import { stepRequest } from "../grid/step-request.js";

const f = Math.fround;

/**
 * DPM-Solver++, as diffusers' `DPMSolverMultistepScheduler`.
 *
 * @param options the configuration and the steps; `algorithm_type` is `dpmsolver++` (or `deis`,
 * which diffusers reads as that), `solver_order` is 1 or 2
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
  const predictionType = readPredictionType(config);
  const bound = sampleBound(config, null);
  const { isSecondOrder, isHeun } = readSolver(config);
  const isLowerOrderFinal = config.boolean("lower_order_final", true);
  const isEulerAtFinal = config.boolean("euler_at_final", false);
  const varianceType = config.value("variance_type");
  const request = stepRequest(config, options, {
    numTrainTimesteps,
    custom: "integer",
  });
  const { timesteps, sigmas } = dpmSteps(config, alphasCumprod, request);
  const last = timesteps.length - 1;
  const levels = sigmas.map(levelOf);

  const isFirstOrderAt = (stepIndex: number) =>
    stepIndex === last &&
    (isEulerAtFinal ||
      (isLowerOrderFinal && timesteps.length < 15) ||
      sigmas.at(-1) === 0);

  return defineScheduler({
    title: config.title,
    name: "dpmpp-2m",
    timesteps,
    numTrainTimesteps,
    predictionType,
    alphasCumprod,
    sigmas,
    hasLearnedVariance:
      predictionType === "epsilon" &&
      (varianceType === "learned" || varianceType === "learned_range"),
    noiseWeights(timestep) {
      const level = levels[indexOfTimestep(timesteps, timestep)];
      return level === undefined ? null : [level.signal, level.noise];
    },
    update({ modelOutput, sample, stepIndex, state }) {
      const [from, to] = [levels[stepIndex]!, levels[stepIndex + 1]!];
      const mean = modelOutput.subarray(0, sample.length);
      const predOriginalSample = bound(
        predictOriginal(predictionType, mean, sample, from),
      );
      const h = f(to.logSnr - from.logSnr);
      const decay = f(f(Math.exp(-h)) - 1);
      const gain = f(to.signal * decay);
      const firstOrder = [
        [f(to.noise / from.noise), sample],
        [-gain, predOriginalSample],
      ] as const;

      const earlier = state.modelOutputs.at(-1);
      const isSecond =
        isSecondOrder && earlier !== undefined && !isFirstOrderAt(stepIndex);
      let prevSample;
      if (isSecond) {
        const r = f(f(from.logSnr - levels[stepIndex - 1]!.logSnr) / h);
        const difference = weightedSum([1, predOriginalSample], [-1, earlier]);
        const slope = scaled(difference, f(1 / r));
        const weight = isHeun
          ? f(to.signal * f(f(decay / h) + 1))
          : f(-0.5 * gain);
        prevSample = weightedSum(...firstOrder, [weight, slope]);
      } else {
        prevSample = weightedSum(...firstOrder);
      }
      const carried = isSecondOrder
        ? { modelOutputs: [scaled(predOriginalSample, 1)] }
        : {};
      return { prevSample, predOriginalSample, carried };
    },
  });
}

/** diffusers maps the solver names of DEIS and UniPC onto its own; so does this. */
function readSolver(config: ConfigReader): {
  isSecondOrder: boolean;
  isHeun: boolean;
} {
  const algorithm = config.choice("algorithm_type", "dpmsolver++", [
    "dpmsolver++",
    "deis",
  ]);
  const finalSigmas = config.value("final_sigmas_type") ?? "zero";
  if (algorithm === "deis" && finalSigmas === "zero") {
    config.reject(
      "final_sigmas_type",
      `"sigma_min" where algorithm_type is "deis"`,
      finalSigmas,
    );
  }
  const types = ["midpoint", "heun", "logrho", "bh1", "bh2"] as const;
  const isHeun = config.choice("solver_type", "midpoint", types) === "heun";
  const order = config.number("solver_order", 2, { isInteger: true });
  if (order !== 1 && order !== 2)
    config.reject("solver_order", "1 or 2", order);
  return { isSecondOrder: order === 2, isHeun };
}

interface Level extends NoiseLevel {
  readonly logSnr: number;
}

function levelOf(sigma: number): Level {
  const signal = f(1 / sqrt32(f(f(sigma * sigma) + 1)));
  const noise = f(sigma * signal);
  return { signal, noise, logSnr: f(f(Math.log(signal)) - f(Math.log(noise))) };
}
