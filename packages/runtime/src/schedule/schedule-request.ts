// What a plan is laid out on.

import type { AdaptiveDecision } from "./adaptive-decision.js";
import type { ChannelMeans } from "../plan/channel-means.js";
import type { Context, Plan, Rule } from "../plan/plan.js";

/** A rule of the run itself. */
export interface AddedRule {
  readonly rule: Rule;
  /** At which steps of the run it applies. */
  readonly isAt: (stepIndex: number) => boolean;
}

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
  /** Steps of that grid: more than the run's where it starts late, or another model goes on. @default up to the last one */
  readonly gridLength?: number;
  /** Guidance weight; 1 is off. */
  readonly guidanceScale: number;
  /** The contexts that run where guidance is on. @default cond and uncond; where the weight is 1, cond alone */
  readonly contexts?: readonly Context[];
  /** Rules of the run itself, behind the plan's. @default none */
  readonly added?: readonly AddedRule[];
  /** The scheduler's name, for the plan's conditions. */
  readonly scheduler: string;
  /** What adaptive rules decided in an earlier run. @default they decide anew */
  readonly decisions?: readonly AdaptiveDecision[];
  /** What the action `mean` puts in place of outputs. @default none; a plan with that action is an error then */
  readonly means?: ChannelMeans;
}
