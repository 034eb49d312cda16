// A Unet cut so that any of some units could be left out, though none is: what it computes must not change.

import type { Unet } from "@phaseskip/graph";
import { liveGraph } from "@phaseskip/graph";
import { emptyPlan } from "../../src/plan/plan.js";
import { schedulePlan } from "../../src/schedule/schedule.js";
import type { UnetExecutor } from "../../src/unet/executor.js";

/** What the Unet is fed. */
export interface CutInputs {
  readonly sample: Float32Array;
  readonly timestep: number;
  /** Values of its other inputs by name, for the whole batch. */
  readonly others: Readonly<Record<string, Float32Array>>;
}

/**
 * One call of the whole Unet, cut at these units.
 * @returns its output, and in how many segments it ran
 */
export async function runCutAt(
  executor: UnetExecutor,
  unet: Unet,
  units: readonly string[],
  { sample, timestep, others }: CutInputs,
): Promise<{
  readonly output: Float32Array;
  readonly segments: number;
}> {
  const { steps, signatures } = schedulePlan(unet, {
    plan: emptyPlan,
    timesteps: [timestep],
    numTrainTimesteps: Infinity,
    guidanceScale: 1,
    scheduler: "none",
  });
  const apart = units.map((unit) =>
    liveGraph(unet, new Set([unit]), () => "cache"),
  );
  await executor.prepare(unet, [...signatures, ...apart]);
  const stream = await executor.begin("cond", undefined, others);
  try {
    const [context] = steps[0]!.contexts;
    const output = await executor.step(stream, context!, sample, timestep);
    return { output, segments: executor.segments.length };
  } finally {
    stream.dispose();
    executor.endRun();
  }
}
