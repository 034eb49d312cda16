// What a plan is laid out on.

import type { AdaptiveDecision } from "./adaptive-decision.js";
import type { ChannelMeans } from "../plan/channel-means.js";
import type { Plan } from "../plan/plan.js";

/** What a plan is scheduled on. */
export interface ScheduleRequest {
  /** A plan whose form is checked. */
  readonly plan: Plan;
  /** What the Unet is handed at each step. */
  readonly timesteps: readonly number[];
  /** Timesteps of the training, or the noisiest timestep there is; a phase from there on has no upper end. */
  readonly numTrainTimesteps: number;
  /**
   * Steps of the sampler's grid before the first of them: above 0 where an image is the start. The run's first step then
   * fills what a plan takes from earlier ones. @default 0
   */
  readonly startIndex?: number;
  /** Guidance weight; 1 is off. */
  readonly guidanceScale: number;
  /** Whether guidance mixes two contexts. @default where the weight is not 1 */
  readonly isGuided?: boolean;
  /** The scheduler's name, for the plan's conditions. */
  readonly scheduler: string;
  /** What adaptive rules decided in an earlier run. @default they decide anew */
  readonly decisions?: readonly AdaptiveDecision[];
  /** What the action `mean` puts in place of outputs. @default none; a plan with that action is an error then */
  readonly means?: ChannelMeans;
}
