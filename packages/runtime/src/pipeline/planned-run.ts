// A run before its first step.

import type { RunSize } from "./run-size.js";
import type { Scheduler } from "@phaseskip/scheduler";
import type { Plan } from "../plan/plan.js";
import type { Schedule } from "../schedule/schedule.js";
import type { MeasuredKeep } from "../plan/measured-keep.js";
import type { NetworkCosts } from "./network-costs.js";
import type { TextRuns } from "./text-chunks.js";

/** A run before its first step. */
export interface PlannedRun extends RunSize {
  /** The plan, parsed. */
  readonly plan: Plan;
  /** The sampler, at the run's number of steps. */
  readonly scheduler: Scheduler;
  /** The scheduler's step index at the run's first step: above 0 where an image is the start. */
  readonly startIndex: number;
  /** What runs at every step. */
  readonly schedule: Schedule;
  /** Whether both contexts of an image go through the Unet in one call. */
  readonly isPaired: boolean;
  /** Images of one Unet call, padding included: `batch`, or half of it in pairs. */
  readonly rows: number;
  /** Units of ControlNets that the call has no control for: no part of what a run could cost. */
  readonly idleNets: readonly string[];
  /** How often what depends on the text alone is computed. */
  readonly textRuns: TextRuns;
  /** What the networks beside the Unet cost. */
  readonly networks: NetworkCosts;
  /** What the plan was measured to keep, where it says so. */
  readonly measured?: MeasuredKeep;
  /** What the caller should know before it runs, in sentences. */
  readonly warnings: readonly string[];
}
