// Samplers
export {
  createScheduler,
  schedulerClassNames,
  schedulerNames,
} from "./create-scheduler.js";
export type { SchedulerName } from "./create-scheduler.js";
export { ddim } from "./ddim.js";
export type { DdimOptions } from "./ddim.js";
export { ddpm } from "./ddpm.js";
export { dpmpp2m } from "./dpmpp-2m.js";
export { eulerAncestral } from "./euler-ancestral.js";
export { euler } from "./euler.js";
export { lcm } from "./lcm.js";
export { pndm } from "./pndm.js";

// What a sampler is
export type {
  PredictionType,
  Scheduler,
  SchedulerState,
  StepInput,
  StepOutput,
} from "./scheduler.js";

// A model's configuration
export { parseSchedulerConfig } from "./config.js";
export type { RunOptions, SchedulerConfig } from "./config.js";

// Image to image
export { timestepsFrom } from "./image-to-image.js";
export type { PartialSchedule } from "./image-to-image.js";

// Seeded noise
export { generator, restoreGenerator } from "./generator.js";
export type { NoiseGenerator, NoiseGeneratorState } from "./generator.js";
export type { Mt19937State } from "./mt19937.js";
