// What looks at units' outputs while a study's run goes on.

import type { Device } from "../device/session.js";
import type { ScheduledContext } from "../schedule/scheduled-context.js";
import type { UnetStream } from "../unet/stream.js";

/** Asks for values at a step, and takes them when it is done. */
export interface Collector {
  /** What a context does at a step of the whole model, with the values kept that are wanted. */
  asking(scheduled: ScheduledContext): ScheduledContext;
  /** Takes the values from a stream's cache. */
  take(device: Device, stream: UnetStream, timestep: number): Promise<void>;
}
