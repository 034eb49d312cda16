// Sampling of a consistency model: its network's estimate of the clean sample, given noise again for the next step.
//
//   Song et al. 2023 (arXiv 2303.01469), algorithm 1     here
//   f_θ(x, t), equation 5                                predOriginalSample
//   c_skip(t), c_out(t), appendix C                      skip, out
//   σ_data, ε, T                                         sigma_data, sigma_min, sigma_max
//   τ_n, z                                               next, noise

import type { RunOptions, SchedulerConfig } from "../config/config.js";
import { configReader } from "../config/config-reader.js";
import { isPreconditionedInside } from "../config/preconditioning.js";
import { sqrt32, weightedSum } from "../float32.js";
import { stepRequest } from "../grid/step-request.js";
import type { Scheduler } from "../scheduler.js";
import { defineScheduler } from "../step/define-scheduler.js";

const f = Math.fround;

/**
 * Consistency models' sampler, as diffusers' `CMStochasticIterativeScheduler`: one step, or several with new noise before
 * each but the first. A timestep is 250 times sigma's logarithm, or sigma where the preconditioning is inside the graph;
 * timesteps that the caller gives are, as there, indices into the training's `num_train_timesteps` levels, 0 the noisiest.
 *
 * @param options the configuration and the steps; a configuration without `num_train_timesteps` has 40
 * @throws {RangeError} If a value is out of range.
 * @throws {TypeError} If a value is of another type, or the steps are given twice or not at all.
 * @see diffusers 0.42.1, `schedulers/scheduling_consistency_models.py`
 */
export function consistency(options: SchedulerConfig & RunOptions): Scheduler {
  const config = configReader("consistency scheduler", options);
  const isInside = isPreconditionedInside(config, options);
  const numTrainTimesteps = config.number("num_train_timesteps", 40, {
    min: 2,
    isInteger: true,
  });
  const min = config.number("sigma_min", 0.002, { min: 0 });
  const max = config.number("sigma_max", 80, { min: 0 });
  const data = config.number("sigma_data", 0.5);
  const noiseScale = config.number("s_noise", 1);
  const rho = config.number("rho", 7);
  const isClipped = config.boolean("clip_denoised", true);
  const request = stepRequest(config, options, {
    numTrainTimesteps,
    custom: "integer",
  });
  const stride = Math.floor(numTrainTimesteps / request.numInferenceSteps);
  const indices =
    request.timesteps?.toReversed() ??
    Array.from({ length: request.numInferenceSteps }, (_, i) => i * stride);
  const [from, to] = [max ** (1 / rho), min ** (1 / rho)];
  const exact = indices.map(
    (index) => (from + (index / (numTrainTimesteps - 1)) * (to - from)) ** rho,
  );
  const sigmas = [...exact, min].map(f);
  const timestepOf = (sigma: number) =>
    isInside ? sigma : 250 * Math.log(sigma + 1e-44);
  const isSingle = indices.length === 1;

  /** Weights of sample and output, such that the estimate at sigma_min is the sample. */
  const boundary = (sigma: number): readonly [skip: number, out: number] => {
    if (isInside) return [0, 1];
    const above = f(sigma - f(min));
    const variance = f(data ** 2);
    const root = sqrt32(f(f(sigma * sigma) + variance));
    return [
      f(variance / f(f(above * above) + variance)),
      f(f(above * f(data)) / root),
    ];
  };

  return defineScheduler({
    title: config.title,
    name: "consistency",
    timesteps: exact.map(timestepOf),
    timestepRange: [timestepOf(min), timestepOf(max)],
    numTrainTimesteps,
    initNoiseSigma: max,
    predictionType: isInside ? "sample" : "epsilon",
    alphasCumprod: [],
    sigmas,
    ...(!isInside && {
      inputScale: (stepIndex) =>
        sqrt32(f(f(sigmas[stepIndex]! ** 2) + f(data ** 2))),
    }),
    needsNoise: () => !isSingle,
    noiseWeights: (stepIndex) => ({ signal: 1, noise: sigmas[stepIndex]! }),
    update({ modelOutput, sample, stepIndex, noise }) {
      const [skip, out] = boundary(sigmas[stepIndex]!);
      const estimate = weightedSum([out, modelOutput], [skip, sample]);
      const predOriginalSample = isClipped
        ? estimate.map((value) => Math.min(Math.max(value, -1), 1))
        : estimate;
      if (isSingle)
        return { prevSample: predOriginalSample.slice(), predOriginalSample };
      const next = Math.min(Math.max(sigmas[stepIndex + 1]!, f(min)), f(max));
      // at sigma_min itself rounding may go below 0, of which diffusers takes the root: NaN
      const variance = Math.max(0, f(f(next * next) - f(min ** 2)));
      const level = sqrt32(variance);
      const prevSample = weightedSum(
        [1, predOriginalSample],
        [level, noise.map((value) => value * noiseScale)],
      );
      return { prevSample, predOriginalSample };
    },
  });
}
