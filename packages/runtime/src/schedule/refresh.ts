// When a kept value is computed anew.

import type { Refresh } from "../plan/plan.js";

/** A step at which something was computed. */
export interface Computed {
  readonly stepIndex: number;
  readonly timestep: number;
}

/**
 * Whether a step that needs a value computes it.
 *
 * @param last when it was computed last; undefined if never
 * @param stepIndex the step
 * @param timesteps of all steps
 * @param isFirst whether the rule did not apply at the step before
 */
export function isDue(
  refresh: Refresh,
  last: Computed | undefined,
  stepIndex: number,
  timesteps: readonly number[],
  isFirst: boolean,
): boolean {
  if (refresh === "never") return false;
  if ("every" in refresh)
    return isFirst || !last || stepIndex - last.stepIndex >= refresh.every;
  if ("everyTimesteps" in refresh) {
    const timestep = timesteps[stepIndex]!;
    return (
      isFirst || !last || last.timestep - timestep >= refresh.everyTimesteps
    );
  }
  if ("at" in refresh) return refresh.at.includes(stepIndex);
  return refresh.atTimesteps.some(
    (limit) => timesteps.findIndex((t) => t <= limit) === stepIndex,
  );
}
