// The sampler that a search for a plan compares everything on: that of its sweep.

import type { SchedulerChoice, SchedulerName } from "@phaseskip/runtime";
import { schedulerChoice } from "../terminal/run-options.js";

/** A sampler as a sweep's manifest has it. */
export interface StudySampler {
  /** Its short name. */
  readonly scheduler: SchedulerName;
  /** Its options, `key=value` in diffusers' spelling. @default those of the model's own file */
  readonly schedulerOptions?: readonly string[];
  /** Steps of its grid. */
  readonly numInferenceSteps: number;
  /** Guidance weight; 1 is off. */
  readonly guidanceScale: number;
}

/** The same as a request of `generate()` has it. */
export function samplerRequest({
  scheduler,
  schedulerOptions,
  numInferenceSteps,
  guidanceScale,
}: StudySampler) {
  const choice: SchedulerName | SchedulerChoice =
    schedulerChoice(scheduler, schedulerOptions) ?? scheduler;
  return { scheduler: choice, numInferenceSteps, guidanceScale };
}
