// What a plan is laid out on.

import type { Plan } from "./plan.js";

/** What a plan is scheduled on. */
export interface ScheduleRequest {
  readonly plan: Plan;
  /** What the Unet is handed at each step. */
  readonly timesteps: readonly number[];
  readonly numTrainTimesteps: number;
  /** Guidance weight; 1 is off. */
  readonly guidanceScale: number;
  /** The scheduler's name, for the plan's conditions. */
  readonly scheduler: string;
}
