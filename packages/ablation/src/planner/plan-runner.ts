// What the planner asks of the world: what a plan costs, and how good its pictures are.

import type { Plan } from "@phaseskip/runtime";

/** A plan, and the sampler that it runs on. */
export interface Contestant {
  /** What tables call it. */
  readonly name: string;
  /** The plan; its `steps` say how many. */
  readonly plan: Plan;
  /** A sampler's short name. @default the study's */
  readonly scheduler?: string;
  /** Timestep spacing: `leading`, `trailing` or `linspace`. @default the model's */
  readonly spacing?: string;
}

/** Pairs of prompts and seeds that share no prompt with each other. */
export type SplitName = "search" | "validation" | "test";

/** How good a contestant's pictures are. */
export interface Quality {
  /** SSIM to the full model on the study's own grid, by prompt, then by seed. */
  readonly ssim: readonly (readonly number[])[];
  /** SSIM to the converged path, of the pairs whose path has converged, in the same order; undefined without any. */
  readonly converged?: readonly (readonly number[])[];
  /** Multiply-accumulates over the full model's, mean over the pictures. */
  readonly cost: number;
}

/** Runs plans; what it has worked out of one it remembers, so that asking again costs nothing. */
export interface PlanRunner {
  /** Pictures of a split. */
  count(split: SplitName): number;
  /**
   * Multiply-accumulates over the full model's, from the live graphs of the whole run.
   * @returns undefined where the plan cannot run on the model
   */
  cost(contestant: Contestant): Promise<number | undefined>;
  /** A name for what a plan computes: equal for plans that come to the same, whatever they say. */
  identity(contestant: Contestant): Promise<string>;
  /** Draws the pictures of a split and compares them with the full model's. */
  measure(contestant: Contestant, split: SplitName): Promise<Quality>;
}

/** What was found of a plan that was verified, for the search's record: predicted against measured. */
export interface VerifiedPlan {
  /** What was changed last, for people. */
  readonly step: string;
  /** Multiply-accumulates over the full model's. */
  readonly cost: number;
  /** The sum of what the sweep says of its changes, each alone: `1 − SSIM`. */
  readonly predictedLoss: number;
  /** What running them together gave, on the search split. */
  readonly measuredLoss: number;
  /** Changes in the plan. */
  readonly changes: readonly string[];
}
