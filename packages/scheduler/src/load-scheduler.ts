// Any sampler by its name, the code of rare ones fetched when it is wanted.

import { commonSamplers } from "./common-samplers.js";
import type { RunOptions, SchedulerConfig } from "./config/config.js";
import { checkPreconditioning } from "./config/preconditioning.js";
import { schedulerNameOf } from "./sampler-names.js";
import type { SchedulerName } from "./sampler-names.js";
import type { DdimOptions } from "./samplers/ddim.js";
import type { Scheduler } from "./scheduler.js";

type Factory = (options: SchedulerConfig & DdimOptions) => Scheduler;

/**
 * Does what `createScheduler` does, but fetches the code of samplers that few models name only when it
 * is asked for.
 *
 * @param name a short name, or the name of a diffusers class
 * @param config the file's contents
 * @param run the number of steps or the timesteps, and eta
 * @returns rejects as `createScheduler` throws
 */
export async function loadScheduler(
  name: string,
  config: SchedulerConfig,
  run: DdimOptions & RunOptions,
): Promise<Scheduler> {
  const known = schedulerNameOf(name);
  checkPreconditioning(known, run);
  const common: Partial<Record<SchedulerName, Factory>> = commonSamplers;
  const more = async (): Promise<Partial<Record<SchedulerName, Factory>>> =>
    (await import("./more-samplers.js")).moreSamplers;
  const create = common[known] ?? (await more())[known]!;
  return create({ ...config, ...run });
}
