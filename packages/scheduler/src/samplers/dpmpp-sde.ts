// DPM-Solver++ as a stochastic equation: a step to the middle of the logarithms and a whole one
// from there, both with ancestral noise out of one Brownian path.
//
//   k-diffusion, sample_dpmpp_sde                 here
//   t, t_fn, sigma_fn                             time, timeOf, sigmaOf
//   s = t + h/2                                   middle
//   sd, su                                        down, up
//   noise_sampler                                 drawNoise

import type { RunOptions, SchedulerConfig } from "../config/config.js";
import { configReader } from "../config/config-reader.js";
import { scaled, sqrt32, weightedSum } from "../float32.js";
import { noiseSchedule } from "../grid/noise-schedule.js";
import { sigmaSteps } from "../grid/sigma-steps.js";
import { sigmaTable, timestepsOfSigmas } from "../grid/sigmas.js";
import { stepRequest } from "../grid/step-request.js";
import { brownianPath } from "../noise/brownian-path.js";
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
const timeOf = (sigma: number) => -f(Math.log(sigma));
const sigmaOf = (time: number) => f(Math.exp(-time));

/**
 * DPM-Solver++ SDE, as diffusers' `DPMSolverSDEScheduler`. Every step but the last takes two
 * calls of the network. Its noise comes from a Brownian path whose seed is
 * `noise_sampler_seed`, else that of the image's generator (diffusers draws one at random).
 *
 * @param options the configuration and the number of steps; `prediction_type` is `epsilon` or
 * `v_prediction`, as in diffusers
 * @throws {RangeError} If a value is out of range, unknown or not implemented.
 * @throws {TypeError} If a value is of another type.
 * @see diffusers 0.42.1, `schedulers/scheduling_dpmsolver_sde.py`
 */
export function dpmppSde(options: SchedulerConfig & RunOptions): Scheduler {
  const config = configReader("DPM-Solver++ SDE scheduler", options);
  const { numTrainTimesteps, alphasCumprod } = noiseSchedule(config, {
    betaStart: 0.00085,
    betaEnd: 0.012,
    isRescalable: false,
  });
  const predictionType = readPredictionType(config, "noisy");
  const pathSeed = readSeed(config);
  const request = stepRequest(config, options, {
    numTrainTimesteps,
    custom: "none",
  });
  const table = sigmaTable(alphasCumprod);
  const steps = sigmaSteps(config, table, request, {
    isDouble: true,
    isKarrasBounded: false,
  });
  const middleTimesteps = timestepsOfSigmas(
    steps.sigmas.slice(0, -1).map((sigma, i) => {
      const [time, next] = [-Math.log(sigma), -Math.log(steps.sigmas[i + 1]!)];
      return Math.exp(-(time + (next - time) * 0.5));
    }),
    table,
  );
  const levels = [...steps.sigmas.map(f), 0];
  const last = levels.length - 2;

  /** Where the step that an index belongs to starts, lies in the middle, and ends. */
  const timesAt = (stepIndex: number) => {
    const step = stepIndex >> 1;
    const time = timeOf(levels[step]!);
    const next = timeOf(levels[step + 1]!);
    return { time, middle: f(time + f(f(next - time) * 0.5)), next };
  };
  const isSecond = (stepIndex: number) => stepIndex % 2 === 1;
  const isLast = (stepIndex: number) => stepIndex >> 1 === last;
  /** Sigma of the sample that the network is given. */
  const present = (stepIndex: number) =>
    isSecond(stepIndex)
      ? sigmaOf(timesAt(stepIndex).middle)
      : levels[stepIndex >> 1]!;
  /** From and to which sigma an index goes. */
  const spanAt = (stepIndex: number) => {
    const { time, middle, next } = timesAt(stepIndex);
    const to = isSecond(stepIndex) ? next : middle;
    return { time, from: sigmaOf(time), to: sigmaOf(to) };
  };

  return defineScheduler({
    title: config.title,
    name: "dpmpp-sde",
    timesteps: steps.timesteps.flatMap((timestep, i) =>
      i < last ? [timestep, middleTimesteps[i]!] : [timestep],
    ),
    numInferenceSteps: steps.timesteps.length,
    order: 2,
    numTrainTimesteps,
    initNoiseSigma: initNoiseSigma(levels, steps.spacing),
    predictionType,
    alphasCumprod,
    // At a second call diffusers already has the next sigma here.
    sigmas: Array.from(
      { length: 2 * last + 2 },
      (_, i) => levels[(i + 1) >> 1]!,
    ),
    inputScale: (stepIndex) => sigmaNorm(present(stepIndex)),
    needsNoise: (stepIndex) => !isLast(stepIndex),
    drawNoise(seed, stepIndex, length) {
      const { from, to } = spanAt(stepIndex);
      const path = brownianPath(
        pathSeed ?? Math.abs(seed),
        levels[last]!,
        levels[0]!,
        length,
      );
      // Sigma goes down, so the path is gone backwards.
      const deviation = -sqrt32(f(from - to));
      return path.increment(to, from).map((value) => value / deviation);
    },
    noiseWeights: (stepIndex) => ({
      signal: 1,
      noise: levels[(stepIndex + 1) >> 1]!,
    }),
    update({ modelOutput, sample, stepIndex, state, noise }) {
      const sigma = present(stepIndex);
      const predOriginalSample = originalAtSigma(
        predictionType,
        modelOutput,
        sample,
        sigma,
      );
      if (isLast(stepIndex)) {
        const derivative = derivativeAtSigma(sample, predOriginalSample, sigma);
        const prevSample = weightedSum([1, sample], [-sigma, derivative]);
        return { prevSample, predOriginalSample };
      }
      const start = isSecond(stepIndex) ? (state.heldSample ?? sample) : sample;
      const { time, from, to } = spanAt(stepIndex);
      const { up, down } = boundedStep(from, to);
      const downTime = timeOf(down);
      const prevSample = weightedSum(
        [f(sigmaOf(downTime) / from), start],
        [-f(Math.expm1(f(time - downTime))), predOriginalSample],
        [1, scaled(noise, up)],
      );
      const heldSample = isSecond(stepIndex) ? null : scaled(start, 1);
      return { prevSample, predOriginalSample, carried: { heldSample } };
    },
  });
}

/** An ancestral step whose noise is at most all of the sigma that it goes to. */
function boundedStep(from: number, to: number): { up: number; down: number } {
  const [fromSquare, toSquare] = [f(from * from), f(to * to)];
  const share = f(f(toSquare * f(fromSquare - toSquare)) / fromSquare);
  const up = Math.min(to, sqrt32(share));
  return { up, down: sqrt32(f(toSquare - f(up * up))) };
}

function readSeed(config: ReturnType<typeof configReader>): number | undefined {
  const seed = config.value("noise_sampler_seed");
  if (seed === undefined) return undefined;
  if (Number.isSafeInteger(seed) && Number(seed) >= 0) return Number(seed);
  return config.reject("noise_sampler_seed", "a non-negative integer", seed);
}
