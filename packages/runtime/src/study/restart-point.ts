// A place from which a run goes on as if it had never stopped.

import type { ElementType } from "@phaseskip/graph";
import type { NoiseGeneratorState, SchedulerState } from "@phaseskip/scheduler";
import type { Context } from "../plan/plan.js";
import type { Device } from "../session.js";
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
  /** By context and port: the values that later steps reuse; empty outside of a window that reuses. */
  readonly kept: Readonly<
    Partial<Record<Context, Readonly<Record<string, KeptValue>>>>
  >;
}

/** Reads what a stream keeps. */
export async function readKept(
  device: Device,
  { cache }: UnetStream,
): Promise<Record<string, KeptValue>> {
  const kept: Record<string, KeptValue> = {};
  for (const [port, { tensor }] of cache) {
    const { type, dims } = tensor;
    kept[port] = { type, dims: [...dims], data: await device.read(tensor) };
  }
  return kept;
}

/** Puts kept values in place of what a stream keeps; the stream owns them. */
export function restoreKept(
  device: Device,
  { cache }: UnetStream,
  kept: Readonly<Record<string, KeptValue>> = {},
): void {
  for (const shared of cache.values()) shared.release();
  cache.clear();
  for (const [port, { type, dims, data }] of Object.entries(kept))
    cache.set(port, new SharedTensor(device.tensor(type, dims, data)));
}
