// Any sampler by its name, from a model's configuration.

import { commonSamplers } from "./common-samplers.js";
import type { RunOptions, SchedulerConfig } from "./config/config.js";
import { checkPreconditioning } from "./config/preconditioning.js";
import { moreSamplers } from "./more-samplers.js";
import { schedulerNameOf } from "./sampler-names.js";
import type { SchedulerName } from "./sampler-names.js";
import type { DdimOptions } from "./samplers/ddim.js";
import type { Scheduler } from "./scheduler.js";

type Factory = (options: SchedulerConfig & DdimOptions) => Scheduler;

/**
 * Makes a sampler from a model's `scheduler_config.json`, as diffusers' `from_config` does: keys
 * that are absent or null take the named class's defaults, keys that it does not know are ignored.
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
 * @param run the number of steps or the timesteps, and eta of `ddim` and `tcd` (others have none:
 * ignored)
 * @throws {RangeError} If the name is unknown, or a value out of range or not implemented.
 * @throws {TypeError} If a value is of another type, or the steps are given twice or not at all.
 */
export function createScheduler(
  name: string,
  config: SchedulerConfig,
  run: DdimOptions & RunOptions,
): Scheduler {
  const factories: Record<SchedulerName, Factory> = {
    ...commonSamplers,
    ...moreSamplers,
  };
  const known = schedulerNameOf(name);
  checkPreconditioning(known, run);
  return factories[known]({ ...config, ...run });
}
