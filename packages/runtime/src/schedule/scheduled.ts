// What a schedule says of one step, and of a run.

import type { ScheduledContext } from "./scheduled-context.js";
import type { LiveGraph } from "@phaseskip/graph";

import type { AdaptiveRun } from "./adaptive-run.js";
import type { ChannelMeans } from "../plan/channel-means.js";
import type { GuidanceStep } from "./guidance-steps.js";

/** What happens at one step. */
export interface ScheduledStep extends Omit<GuidanceStep, "contexts"> {
  /** Counts the run's timesteps, from 0, the noisiest. */
  readonly stepIndex: number;
  /** What the Unet is handed. */
  readonly timestep: number;
  /** What is added to the sample before the step, as a multiple of the initial one; 0 is nothing. */
  readonly priorNoise: number;
  /** In the order in which they run. */
  readonly contexts: readonly ScheduledContext[];
}

/** A run, step by step. */
export interface Schedule {
  /** The distinct live graphs of the run; with adaptive rules, all that their decisions can lead to. */
  readonly signatures: readonly LiveGraph[];
  /** Step by step, in running order; where adaptive rules are still to decide, as if they computed at every step. */
  readonly steps: readonly ScheduledStep[];
  /** Begins a run in which adaptive rules decide; missing where nothing is left to decide. */
  readonly adaptive?: () => AdaptiveRun;
  /** What the action `mean` puts in place of outputs. */
  readonly means?: ChannelMeans;
  /** What is odd about the plan on this run, though not wrong. */
  readonly warnings: readonly string[];
}
