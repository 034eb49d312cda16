// Samplers by name
export { createScheduler } from "./create-scheduler.js";
export { loadScheduler } from "./load-scheduler.js";
export {
  findSchedulerName,
  schedulerClassNames,
  schedulerNameOf,
  schedulerNames,
} from "./sampler-names.js";
export type { SchedulerName } from "./sampler-names.js";

// Samplers
export { consistency } from "./samplers/consistency.js";
export { ddim } from "./samplers/ddim.js";
export type { DdimOptions } from "./samplers/ddim.js";
export { ddpm } from "./samplers/ddpm.js";
export { deis } from "./samplers/deis.js";
export { dpmSinglestep } from "./samplers/dpm-singlestep.js";
export { dpmpp2m } from "./samplers/dpmpp-2m.js";
export { dpmppSde } from "./samplers/dpmpp-sde.js";
export { edmDpmpp2m } from "./samplers/edm-dpmpp-2m.js";
export { edmEuler } from "./samplers/edm-euler.js";
export { eulerAncestral } from "./samplers/euler-ancestral.js";
export { euler } from "./samplers/euler.js";
export { flowEuler } from "./samplers/flow-euler.js";
export { heun } from "./samplers/heun.js";
export { kdpm2Ancestral } from "./samplers/kdpm2-ancestral.js";
export { kdpm2 } from "./samplers/kdpm2.js";
export { lcm } from "./samplers/lcm.js";
export { lms } from "./samplers/lms.js";
export { pndm } from "./samplers/pndm.js";
export { tcd } from "./samplers/tcd.js";
export { unipc } from "./samplers/unipc.js";

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
export { parsePythonJson } from "./config/python-json.js";
export {
  camelCase,
  schedulerOptionKeys,
  schedulerOptions,
} from "./config/options.js";
export type { RunOptions, SchedulerConfig } from "./config/config.js";

// Image to image
export { timestepsFrom } from "./image-to-image.js";
export type { PartialSchedule } from "./image-to-image.js";
export { stepsBefore, timestepsAfter } from "./handover.js";

// Seeded noise
export { generator, restoreGenerator } from "./noise/generator.js";
export type { NoiseGenerator, NoiseGeneratorState } from "./noise/generator.js";
export type { Mt19937State } from "./noise/mt19937.js";
