// What a planned run costs, step by step, without running it.

import { RunCosts, type PlannedRun } from "@phaseskip/runtime/internals";

/** Multiply-accumulates of a planned run. */
export interface PlanCosts {
  /** By step. */
  readonly steps: readonly number[];
  /** All steps. */
  readonly total: number;
  /** The whole Unet at every step, in both contexts where guidance is on. */
  readonly full: number;
}

/** Counts what a run costs, as its report does. */
export function planCosts(run: PlannedRun): PlanCosts {
  const costs = new RunCosts(run);
  const steps = run.schedule.steps.map((step) =>
    costs.step(step).reduce((sum, macs) => sum + macs, 0),
  );
  const full = costs.full(run.contexts.length);
  return { steps, total: costs.macs, full };
}
