// Which timesteps and sigmas the samplers after k-diffusion visit (Euler, Heun, LMS, KDPM2,
// DPM-Solver++ SDE), by the rules of diffusers' schedulers/scheduling_euler_discrete.py and its
// like.

import type { ConfigReader } from "../config/config-reader.js";
import {
  interpolated,
  readSigmaRange,
  readSigmaSpacing,
  spacedSigmas,
  timestepsOfSigmas,
} from "./sigmas.js";
import type { StepRequest } from "./step-request.js";
import {
  linspace,
  readSpacing,
  roundHalfEven,
  spacedTimesteps,
} from "./timestep-spacing.js";
import type { TimestepSpacing } from "./timestep-spacing.js";

const f = Math.fround;

/** Where such a sampler steps. */
export interface SigmaSteps {
  /** Descending; fractional with `linspace` spacing and where a rule chooses the sigmas. */
  readonly timesteps: readonly number[];
  /** Noise levels at these, doubles; the one after the last step is left out. */
  readonly sigmas: readonly number[];
  /** How the timesteps are spaced. */
  readonly spacing: TimestepSpacing;
}

/** What such samplers do not share. */
export interface SigmaStepRules {
  /** Whether timesteps are doubles rather than float32 values. @default false */
  readonly isDouble?: boolean;
  /** Whether timesteps of Karras sigmas are integers. @default false */
  readonly isKarrasRounded?: boolean;
  /** Whether `sigma_min` and `sigma_max` bound Karras sigmas too. @default true */
  readonly isKarrasBounded?: boolean;
  /** Sigmas in place of those of the timesteps. @default those */
  readonly sigmas?: readonly number[];
}

/**
 * Chooses the steps.
 *
 * @param config of the sampler
 * @param table sigma at every training timestep, ascending
 * @param request of the run
 * @throws {RangeError} If a value is out of range.
 */
export function sigmaSteps(
  config: ConfigReader,
  table: readonly number[],
  request: StepRequest,
  rules: SigmaStepRules = {},
): SigmaSteps {
  const { numInferenceSteps: count } = request;
  const { spacing, offset } = readSpacing(config, "linspace");
  const rule = readSigmaSpacing(config, request);
  const rounded = rules.isDouble ? (value: number) => value : f;
  const numTrainTimesteps = table.length;
  const timesteps =
    request.timesteps?.map(rounded) ??
    (spacing === "linspace"
      ? linspace(0, numTrainTimesteps - 1, count)
          .map(rounded)
          .reverse()
      : spacedTimesteps({ spacing, numTrainTimesteps, count, offset }));
  const own =
    rules.sigmas ?? timesteps.map((timestep) => interpolated(table, timestep));
  if (rule === null) return { timesteps, sigmas: own, spacing };

  const ends = { min: own.at(-1)!, max: own[0]! };
  const isBounded = rule !== "karras" || rules.isKarrasBounded !== false;
  const range = isBounded ? readSigmaRange(config, ends) : ends;
  const sigmas = spacedSigmas(rule, range, count);
  const isRounded = rule === "karras" && rules.isKarrasRounded;
  return {
    timesteps: timestepsOfSigmas(sigmas, table).map(
      isRounded ? roundHalfEven : rounded,
    ),
    sigmas,
    spacing,
  };
}
