// A description of a run on a loaded model, with its times on this device.

import type { Model } from "./model.js";
import type { PlanDescription } from "./plan-description.js";
import { describeRun } from "./plan-description.js";
import { planRun } from "./plan-run.js";
import type { Request } from "./request.js";

/**
 * Describes what a request would do. With times it makes the sessions that the request would run in.
 * @throws {PhaseskipError} what the request would throw before its first step; the device's errors
 */
export async function describeModel(
  model: Model,
  request: Request,
  hasTimes: boolean,
  signal?: AbortSignal,
): Promise<PlanDescription> {
  const run = await planRun(model, request, signal);
  await model.useLoras(request.loras, signal);
  const { device, unet: executor } = model;
  if (!hasTimes) return describeRun(run, device);
  const { unet, schedule } = run;
  await executor.prepare(unet, schedule.signatures, signal, schedule.means);
  const times = await model.times.get(
    device,
    unet,
    executor.segments,
    (segments) => executor.time(segments, signal),
  );
  return describeRun(run, { ...device, times });
}
