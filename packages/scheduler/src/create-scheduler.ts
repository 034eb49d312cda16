// Samplers by name: ours, or the name of the diffusers class.

import { shown } from "./config/config.js";
import type { RunOptions, SchedulerConfig } from "./config/config.js";
import { ddim } from "./samplers/ddim.js";
import type { DdimOptions } from "./samplers/ddim.js";
import { ddpm } from "./samplers/ddpm.js";
import { dpmpp2m } from "./samplers/dpmpp-2m.js";
import { eulerAncestral } from "./samplers/euler-ancestral.js";
import { euler } from "./samplers/euler.js";
import { lcm } from "./samplers/lcm.js";
import { pndm } from "./samplers/pndm.js";
import type { Scheduler } from "./scheduler.js";

type Factory = (options: SchedulerConfig & DdimOptions) => Scheduler;

const factories = {
  ddpm: { className: "DDPMScheduler", create: ddpm },
  ddim: { className: "DDIMScheduler", create: ddim },
  euler: { className: "EulerDiscreteScheduler", create: euler },
  "euler-ancestral": {
    className: "EulerAncestralDiscreteScheduler",
    create: eulerAncestral,
  },
  "dpmpp-2m": { className: "DPMSolverMultistepScheduler", create: dpmpp2m },
  pndm: { className: "PNDMScheduler", create: pndm },
  lcm: { className: "LCMScheduler", create: lcm },
} as const satisfies Record<string, { className: string; create: Factory }>;

/** A sampler's short name. */
export type SchedulerName = keyof typeof factories;

/** Every sampler's short name. */
export const schedulerNames: readonly SchedulerName[] = Object.freeze(
  Object.keys(factories) as SchedulerName[],
);

/** Every diffusers class that can be made here, in the order of {@link schedulerNames}. */
export const schedulerClassNames: readonly string[] = Object.freeze(
  schedulerNames.map((name) => factories[name].className),
);

/**
 * Makes a sampler from a model's `scheduler_config.json`, as diffusers' `from_config` does: keys
 * that are absent take the named class's defaults, keys that it does not know are ignored.
 *
 * @example
 * ```ts
 * import { createScheduler, parseSchedulerConfig } from "@phaseskip/scheduler";
 *
 * const config = parseSchedulerConfig('{ "beta_schedule": "scaled_linear" }');
 * const scheduler = createScheduler("dpmpp-2m", config, { numInferenceSteps: 20 });
 * ```
 * @param name a short name, or the name of a diffusers class such as `config._class_name`
 * @param config the file's contents; another class's file will do
 * @param run the number of steps or the timesteps, and DDIM's eta (others have none: ignored)
 * @throws {RangeError} If the name is unknown, or a value out of range or not implemented.
 * @throws {TypeError} If a value is of another type, or the steps are given twice or not at all.
 */
export function createScheduler(
  name: string,
  config: SchedulerConfig,
  run: DdimOptions & RunOptions,
): Scheduler {
  const index = schedulerClassNames.indexOf(name);
  const known =
    schedulerNames[index] ?? schedulerNames.find((short) => short === name);
  if (known === undefined) {
    const list = [...schedulerNames, ...schedulerClassNames].join(", ");
    throw new RangeError(
      `Cannot create the scheduler as its name must be one of ${list}: current value is ${shown(name)}`,
    );
  }
  const create: Factory = factories[known].create;
  return create({ ...config, ...run });
}
