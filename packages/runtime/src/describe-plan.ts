// What a plan will do and cost on a pipeline, before anything is drawn.

import type { DescribeOptions, Pipeline } from "./pipeline.js";
import type { PlanDescription } from "./pipeline/plan-description.js";
import type { GenerateOptions } from "./pipeline/request.js";

export type { DescribeOptions } from "./pipeline.js";

/**
 * Describes what a call with a plan would do: by step and context the units that run and that are reused, with their
 * multiply-accumulates, the predicted time on this device, and the memory that the plan's caches take.
 *
 * @example
 * ```ts
 * import { describePlan, loadPipeline } from "phaseskip";
 *
 * const pipeline = await loadPipeline("/models/scenes/", {
 *   worker: () => new Worker(new URL("./phaseskip.worker.ts", import.meta.url), { type: "module" }),
 * });
 * const { macsSaved, milliseconds, peakCacheBytes } = await describePlan(pipeline, "balanced");
 * ```
 * @param plan `"none"`, the name of a plan that the model ships, or a plan
 * @throws {TypeError | RangeError} If the options are wrong
 * @throws {PhaseskipError} what a call with this plan would throw before its first step: `plan-invalid` and others
 */
export function describePlan(
  pipeline: Pipeline,
  plan: NonNullable<GenerateOptions["plan"]>,
  options: DescribeOptions = {},
): Promise<PlanDescription> {
  return pipeline.describe(plan, options);
}
