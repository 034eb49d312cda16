// When a phase is.

import type { Phase } from "../plan/plan.js";

/** Whether a timestep lies in a phase; one that reaches up to the training timesteps has no upper end. */
export function isInPhase(
  phase: Phase,
  timestep: number,
  numTrainTimesteps: number,
): boolean {
  return (
    timestep >= phase.to &&
    (timestep < phase.from || phase.from >= numTrainTimesteps)
  );
}
