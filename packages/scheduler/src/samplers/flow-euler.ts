// Euler's method for flow matching.
//
//   Lipman et al. 2022 (arXiv 2210.02747)         here
//   t, from noise (1) to data (0)                 sigmas
//   v_θ, velocity                                 modelOutput
//   x_t = (1 − t) x_0 + t ε                       noiseWeights

import type { RunOptions, SchedulerConfig } from "../config/config.js";
import { configReader } from "../config/config-reader.js";
import { weightedSum } from "../float32.js";
import { shifted } from "../grid/flow-shift.js";
import {
  readSigmaRange,
  readSigmaSpacing,
  spacedSigmas,
} from "../grid/sigmas.js";
import { stepRequest } from "../grid/step-request.js";
import { linspace } from "../grid/timestep-spacing.js";
import {
  readTerminalStretch,
  rejectDynamicShifting,
} from "../grid/unipc-flow-sigmas.js";
import type { Scheduler } from "../scheduler.js";
import { defineScheduler } from "../step/define-scheduler.js";

const f = Math.fround;

/**
 * Euler's method for flow matching, as diffusers' `FlowMatchEulerDiscreteScheduler`. With
 * `stochastic_sampling` it wants noise at every step.
 *
 * @param options the configuration and the number of steps
 * @throws {RangeError} If a value is out of range, unknown or not implemented.
 * @throws {TypeError} If a value is of another type.
 * @see diffusers 0.42.1, `schedulers/scheduling_flow_match_euler_discrete.py`
 */
export function flowEuler(options: SchedulerConfig & RunOptions): Scheduler {
  const config = configReader("Flow-match Euler scheduler", options);
  rejectDynamicShifting(config);
  const numTrainTimesteps = config.number("num_train_timesteps", 1000, {
    min: 1,
    isInteger: true,
  });
  const shift = config.number("shift", 1);
  const stretch = readTerminalStretch(config);
  const isInverted = config.boolean("invert_sigmas", false);
  const isStochastic = config.boolean("stochastic_sampling", false);
  const request = stepRequest(config, options, {
    numTrainTimesteps,
    custom: "none",
  });
  const count = request.numInferenceSteps;

  // The ends are shifted twice, as in diffusers.
  const end = (timestep: number) =>
    f(
      f(shift * f(timestep / numTrainTimesteps)) /
        f(1 + f((shift - 1) * f(timestep / numTrainTimesteps))),
    );
  const even = linspace(
    end(numTrainTimesteps) * numTrainTimesteps,
    end(1) * numTrainTimesteps,
    count,
  ).map((timestep) => timestep / numTrainTimesteps);
  const own = stretch(even.map((sigma) => shifted(sigma, shift)));
  const rule = readSigmaSpacing(config, request);
  const ends = { min: own.at(-1)!, max: own[0]! };
  const chosen = (
    rule === null
      ? own
      : spacedSigmas(rule, readSigmaRange(config, ends), count)
  ).map(f);
  const sigmas = isInverted
    ? [...chosen.map((sigma) => f(1 - sigma)), 1]
    : [...chosen, 0];

  return defineScheduler({
    title: config.title,
    name: "flow-euler",
    timesteps: sigmas.slice(0, -1).map((sigma) => f(sigma * numTrainTimesteps)),
    numTrainTimesteps,
    predictionType: "flow_prediction",
    alphasCumprod: [],
    sigmas,
    needsNoise: () => isStochastic,
    noiseWeights: (stepIndex) => {
      const noise = sigmas[stepIndex]!;
      return { signal: f(1 - noise), noise };
    },
    update({ modelOutput, sample, stepIndex, noise }) {
      const [sigma, next] = [sigmas[stepIndex]!, sigmas[stepIndex + 1]!];
      const predOriginalSample = weightedSum(
        [1, sample],
        [-sigma, modelOutput],
      );
      const prevSample = isStochastic
        ? weightedSum([f(1 - next), predOriginalSample], [next, noise])
        : weightedSum([1, sample], [f(next - sigma), modelOutput]);
      return { prevSample, predOriginalSample };
    },
  });
}
