// Samplers
export {
  createScheduler,
  schedulerClassNames,
  schedulerNames,
} from "./create-scheduler.js";
export type { SchedulerName } from "./create-scheduler.js";
export { ddim } from "./samplers/ddim.js";
export type { DdimOptions } from "./samplers/ddim.js";
export { ddpm } from "./samplers/ddpm.js";
export { dpmpp2m } from "./samplers/dpmpp-2m.js";
export { eulerAncestral } from "./samplers/euler-ancestral.js";
export { euler } from "./samplers/euler.js";
export { lcm } from "./samplers/lcm.js";
export { pndm } from "./samplers/pndm.js";

// What a sampler is
export type {
  PredictionType,
  Scheduler,
  SchedulerState,
  StepInput,
  StepOutput,
} from "./scheduler.js";

// A model's configuration
export { parseSchedulerConfig } from "./config/config.js";
export type { RunOptions, SchedulerConfig } from "./config/config.js";

// Image to image
export { timestepsFrom } from "./image-to-image.js";
export type { PartialSchedule } from "./image-to-image.js";

// Seeded noise
export { generator, restoreGenerator } from "./noise/generator.js";
export type { NoiseGenerator, NoiseGeneratorState } from "./noise/generator.js";
export type { Mt19937State } from "./noise/mt19937.js";
