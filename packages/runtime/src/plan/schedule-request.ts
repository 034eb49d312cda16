// What a plan is laid out on.

import type { Plan } from "./plan.js";

/** What a plan is scheduled on. */
export interface ScheduleRequest {
  /** A plan whose form is checked. */
  readonly plan: Plan;
  /** What the Unet is handed at each step. */
  readonly timesteps: readonly number[];
  /** Timesteps of the training; a phase from there on has no upper end. */
  readonly numTrainTimesteps: number;
  /** Guidance weight; 1 is off. */
  readonly guidanceScale: number;
  /** Whether guidance mixes two contexts. @default where the weight is not 1 */
  readonly isGuided?: boolean;
  /** The scheduler's name, for the plan's conditions. */
  readonly scheduler: string;
}
