// Which steps a run asks for, checked against what the sampler and its schedule allow.

import type { RunOptions } from "../config/config.js";
import type { ConfigReader } from "../config/config-reader.js";
import type { PredictionType } from "../scheduler.js";

/** What a run asked for: a number of steps, or the timesteps themselves. */
export interface StepRequest {
  /** Number of steps. */
  readonly numInferenceSteps: number;
  /** The timesteps, where the caller gave them. */
  readonly timesteps: readonly number[] | null;
}

/**
 * Checks how many steps, or which timesteps, a run asks for.
 *
 * @param config of the sampler, for its error messages
 * @param run as the caller gave it
 * @param limits `numTrainTimesteps`; `custom`: which timesteps the sampler takes from the caller
 * @throws {RangeError} If the number of steps or a timestep is out of range, if timesteps are
 * not strictly descending, or if this sampler takes none.
 * @throws {TypeError} If both are given, or neither.
 */
export function stepRequest(
  config: ConfigReader,
  run: RunOptions,
  limits: {
    numTrainTimesteps: number;
    custom: "none" | "integer" | "fractional";
  },
): StepRequest {
  const { numInferenceSteps, timesteps } = run;
  const { numTrainTimesteps, custom } = limits;
  if ((numInferenceSteps === undefined) === (timesteps === undefined)) {
    const given = numInferenceSteps === undefined ? "neither" : "both";
    throw new TypeError(
      `Cannot create the ${config.title} as one of numInferenceSteps and timesteps must be given: current value is ${given}`,
    );
  }
  if (timesteps === undefined) {
    if (!isIntegerIn(numInferenceSteps, 1, numTrainTimesteps)) {
      const wanted = `an integer in [1, ${numTrainTimesteps}]`;
      config.reject("numInferenceSteps", wanted, numInferenceSteps);
    }
    return { numInferenceSteps, timesteps: null };
  }
  if (custom === "none") {
    config.reject(
      "timesteps",
      "left to the scheduler (give numInferenceSteps)",
      timesteps,
    );
  }
  const isTimestep = (timestep: number) =>
    custom === "integer"
      ? isIntegerIn(timestep, 0, numTrainTimesteps - 1)
      : timestep >= 0 && timestep <= numTrainTimesteps - 1;
  const given: unknown = timesteps;
  const isValid =
    Array.isArray(given) &&
    timesteps.length > 0 &&
    timesteps.every(
      (t, i) => isTimestep(t) && (i === 0 || t < timesteps[i - 1]!),
    );
  if (!isValid) {
    const kind = custom === "integer" ? "integers" : "numbers";
    config.reject(
      "timesteps",
      `strictly descending ${kind} in [0, ${numTrainTimesteps - 1}]`,
      timesteps,
    );
  }
  return { numInferenceSteps: timesteps.length, timesteps };
}

function isIntegerIn(
  value: number | undefined,
  min: number,
  max: number,
): value is number {
  return Number.isInteger(value) && value! >= min && value! <= max;
}

/**
 * Checks that each timestep has an entry in the noise schedule: `leading` spacing with an offset
 * can run past its end. And that the network says something there: at a timestep without any
 * signal a prediction of the noise says nothing of the clean sample.
 *
 * @param config of the sampler
 * @param timesteps that a run visits
 * @param alphasCumprod of the schedule
 * @param predictionType of the network
 * @throws {RangeError} If one has none, or if the network predicts noise where all is noise.
 */
export function checkedTimesteps(
  config: ConfigReader,
  timesteps: readonly number[],
  alphasCumprod: readonly number[],
  predictionType: PredictionType,
): readonly number[] {
  const last = alphasCumprod.length - 1;
  const outside = timesteps.find((timestep) => timestep < 0 || timestep > last);
  if (outside !== undefined) {
    const offset = config.value("steps_offset");
    if (typeof offset === "number" && offset < last / 2) {
      const wanted = `at most ${mostSteps(alphasCumprod.length, offset)} where steps_offset is ${offset} (timesteps run to ${last}, one would be ${outside})`;
      config.reject("numInferenceSteps", wanted, timesteps.length);
    }
    const wanted = `such that every timestep lies in [0, ${last}] (one is ${outside})`;
    config.reject("steps_offset", wanted, offset);
  }
  const silent = timesteps.find((timestep) => alphasCumprod[timestep] === 0);
  if (silent !== undefined && predictionType === "epsilon") {
    const wanted = `"v_prediction" or "sample" where timestep ${silent} is all noise (zero terminal SNR)`;
    config.reject("prediction_type", wanted, predictionType);
  }
  return timesteps;
}

/** The most steps that `leading` spacing with an offset takes without running past the end. */
function mostSteps(numTrainTimesteps: number, offset: number): number {
  for (let count = numTrainTimesteps; count > 1; count--) {
    const stride = Math.floor(numTrainTimesteps / count);
    if ((count - 1) * stride + offset < numTrainTimesteps) return count;
  }
  return 1;
}
