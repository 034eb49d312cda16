// Which timesteps a run has: published methods count steps, phases are bounded by timesteps.

import type { Phase } from "../plan/plan.js";
import { checkInteger, optionError } from "./check-option.js";

/** The run that a plan by step index is made for. */
export interface StepGrid {
  /** Steps of the run. */
  readonly numInferenceSteps: number;
  /**
   * The scheduler's `timesteps`, as a run's report lists them; needed where they are not evenly spaced, or where
   * one comes twice (PNDM). @default evenly spaced: any of diffusers' timestep spacings
   */
  readonly timesteps?: readonly number[];
  /** Timesteps of the training. @default 1000 */
  readonly numTrainTimesteps?: number;
}

/**
 * The timestep that parts two steps: those before `stepIndex` lie at or above it, those from `stepIndex` on
 * below.
 * @throws {RangeError} If the two steps share a timestep
 */
function timestepBefore(
  plan: string,
  { numInferenceSteps, timesteps, numTrainTimesteps = 1000 }: StepGrid,
  stepIndex: number,
): number {
  if (!timesteps)
    return numTrainTimesteps * (1 - stepIndex / numInferenceSteps);
  const [last, next] = [timesteps[stepIndex - 1], timesteps[stepIndex]];
  if (last === undefined || next === undefined || !(last > next)) {
    throw optionError(
      plan,
      `timesteps[${stepIndex}]`,
      `must be below timesteps[${stepIndex - 1}], ${last}`,
      next,
    );
  }
  return last;
}

/** Steps of the run: more than asked for where the scheduler hands one timestep twice. */
export function stepCount({ timesteps, numInferenceSteps }: StepGrid): number {
  return timesteps?.length ?? numInferenceSteps;
}

/** A phase of the steps from `first`, inclusive, to `end`, exclusive; they must be in the run. */
export function phaseOfSteps(
  plan: string,
  name: string,
  grid: StepGrid,
  first: number,
  end: number,
): Phase {
  const { numTrainTimesteps = 1000 } = grid;
  return {
    name,
    from: first === 0 ? numTrainTimesteps : timestepBefore(plan, grid, first),
    to:
      end >= stepCount(grid)
        ? Math.min(0, grid.timesteps?.at(-1) ?? 0)
        : timestepBefore(plan, grid, end),
  };
}

/** @throws {RangeError} If the grid has no steps */
export function checkGrid(plan: string, { numInferenceSteps }: StepGrid): void {
  checkInteger(plan, "numInferenceSteps", numInferenceSteps, 1);
}
