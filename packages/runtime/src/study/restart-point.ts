// A place from which a run goes on as if it had never stopped.

import type { ElementType } from "@phaseskip/graph";
import type { NoiseGeneratorState, SchedulerState } from "@phaseskip/scheduler";
import type { Device } from "../device/session.js";
import { SharedTensor } from "../unet/shared-tensor.js";
import type { UnetStream } from "../unet/stream.js";

/** A kept value, away from its device. */
export interface KeptValue {
  /** The type of its elements on the device. */
  readonly type: ElementType;
  /** Sizes of its axes. */
  readonly dims: readonly number[];
  /** Row-major. */
  readonly data: Float32Array<ArrayBuffer>;
}

/**
 * What the rest of a run depends on; survives `structuredClone`. Nobody writes to its arrays.
 */
export interface RestartPoint {
  /** The step that comes next. */
  readonly stepIndex: number;
  /** The sample before that step, `[channel, height, width]`. */
  readonly sample: Float32Array<ArrayBuffer>;
  /** The clean sample as estimated at the step before; before the first step the sample itself. */
  readonly predOriginalSample: Float32Array<ArrayBuffer>;
  /** What the scheduler carries. */
  readonly state: SchedulerState;
  /** Where the noise of the steps goes on. */
  readonly noise: NoiseGeneratorState;
  /** By the name of their entry: the values that later steps reuse; empty outside of a window that reuses. */
  readonly kept: Readonly<Record<string, KeptValue>>;
}

/** Reads what streams of the same images keep. */
export async function readKept(
  device: Device,
  streams: readonly UnetStream[],
): Promise<Record<string, KeptValue>> {
  const kept: Record<string, KeptValue> = {};
  for (const cache of cachesOf(streams)) {
    for (const [entry, { tensor }] of cache) {
      const { type, dims } = tensor;
      kept[entry] = { type, dims: [...dims], data: await device.read(tensor) };
    }
  }
  return kept;
}

/** Puts kept values in place of what streams of the same images keep; the streams own them. */
export function restoreKept(
  device: Device,
  streams: readonly UnetStream[],
  kept: Readonly<Record<string, KeptValue>> = {},
): void {
  for (const cache of cachesOf(streams)) {
    for (const shared of cache.values()) shared.release();
    cache.clear();
    for (const [entry, { type, dims, data }] of Object.entries(kept))
      cache.set(entry, new SharedTensor(device.tensor(type, dims, data)));
  }
}

/** Streams of the same images share their cache. */
function cachesOf(streams: readonly UnetStream[]): Set<UnetStream["cache"]> {
  return new Set(streams.map(({ cache }) => cache));
}
