// How long the parts of a planned run take on this machine.

import {
  openDevice,
  UnetExecutor,
  modelInputs,
  Weights,
  type Device,
  type PlannedRun,
} from "@phaseskip/runtime/internals";
import type { ModelInspection } from "./model-inspection.js";

/** Times of a run's segments, and where they were taken. */
export interface PredictedTimes {
  readonly device: Device;
  /** By a segment's key, in ms. */
  readonly times: ReadonlyMap<string, number>;
}

/**
 * Runs every segment of a planned run a few times on WASM; nothing is kept between two commands.
 * @throws {PhaseskipError} If a session cannot be made.
 */
export async function predictTimes(
  { folder, graph, index }: ModelInspection,
  { size, schedule }: PlannedRun,
  signal?: AbortSignal,
): Promise<PredictedTimes> {
  const device = await openDevice("wasm");
  const weights = new Weights(folder, index.unetPath);
  const executor = new UnetExecutor(
    device,
    graph,
    weights,
    modelInputs(graph, index.constants),
  );
  try {
    const { signatures, means } = schedule;
    await executor.prepare(executor.unet(size), signatures, signal, means);
    const times = await executor.time(executor.segments, signal);
    return { device, times };
  } finally {
    await executor.dispose();
  }
}
