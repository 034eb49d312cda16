// What a planned run costs, step by step, without running it.

import type { Unet } from "@phaseskip/graph";
import { countCosts, type Schedule } from "@phaseskip/runtime/internals";

/** Multiply-accumulates of a planned run of one picture. */
export interface PlanCosts {
  /** By step. */
  readonly steps: readonly number[];
  /** All steps, and what depends on the text alone. */
  readonly total: number;
  /** The whole Unet at every step, in both contexts where guidance is on. */
  readonly full: number;
}

/** Counts what a schedule costs, as the report of a run does. */
export function planCosts(
  unet: Unet,
  schedule: Schedule,
  guidanceScale: number,
): PlanCosts {
  const costs = countCosts(unet, schedule);
  const steps = schedule.steps.map(({ contexts, timestep, stepIndex }) => {
    const isNewTimestep = schedule.steps[stepIndex - 1]?.timestep !== timestep;
    const once =
      (isNewTimestep ? costs.timestep : 0) +
      (stepIndex === 0 ? costs.text * contexts.length : 0);
    return contexts.reduce(
      (sum, { signature }) => sum + costs.signatures[signature]!,
      once,
    );
  });
  const full = steps.length * (guidanceScale === 1 ? 1 : 2) * costs.whole;
  return { steps, total: steps.reduce((sum, macs) => sum + macs, 0), full };
}
