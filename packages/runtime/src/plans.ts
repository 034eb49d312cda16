// Plans
export { parsePlan } from "./plan/parse-plan.js";
export { matchesPattern } from "./plan/pattern.js";
export type { Plan } from "./plan/plan.js";
export { shownAs } from "./schedule/shown-as.js";
export type { ShownActs, ShownAs } from "./schedule/shown-as.js";

// Published methods as plans
export { deepCache, deepCacheSteps } from "./plans/deep-cache.js";
export type { DeepCacheOptions, NonUniform } from "./plans/deep-cache.js";
export { fasterDiffusion } from "./plans/faster-diffusion.js";
export type { FasterDiffusionOptions } from "./plans/faster-diffusion.js";
export { tGate } from "./plans/t-gate.js";
export type { SelfAttentionIntervals, TGateOptions } from "./plans/t-gate.js";
export { guidanceInterval } from "./plans/guidance-interval.js";
export type { GuidanceIntervalOptions } from "./plans/guidance-interval.js";
export { blockCache } from "./plans/block-cache.js";
export type { BlockCacheOptions } from "./plans/block-cache.js";
export { firstBlockCache } from "./plans/first-block-cache.js";
export type { FirstBlockCacheOptions } from "./plans/first-block-cache.js";
export { deltaReuse } from "./plans/delta-reuse.js";
export type { DeltaReuseOptions } from "./plans/delta-reuse.js";
export { taylorSeer } from "./plans/taylor-seer.js";
export type { TaylorSeerOptions } from "./plans/taylor-seer.js";
export { spectrum } from "./plans/spectrum.js";
export type { SpectrumOptions } from "./plans/spectrum.js";
export { freeU } from "./plans/free-u.js";
export type { FreeUOptions } from "./plans/free-u.js";
export type { StepGrid } from "./plans/step-grid.js";
