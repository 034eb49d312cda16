// What runs at every step without a plan: all of it. So a page that uses no plan never loads what plans need.

import type { Unet } from "@phaseskip/graph";
import { liveGraph } from "@phaseskip/graph";
import { contextsAt } from "../guidance/guidance-contexts.js";
import type { Schedule } from "./scheduled.js";
import type { ScheduleRequest } from "./schedule-request.js";

/** What a run without a plan is scheduled on. */
export type WholeRequest = Pick<
  ScheduleRequest,
  "timesteps" | "guidanceScale" | "contexts"
>;

/** The schedule of a plan that does nothing. */
export function wholeSchedule(
  unet: Unet,
  {
    timesteps,
    guidanceScale,
    contexts = contextsAt(guidanceScale),
  }: WholeRequest,
): Schedule {
  const whole = liveGraph(unet, new Set(), () => "fresh");
  const isGuided = contexts.length > 1;
  return {
    signatures: [whole],
    steps: timesteps.map((timestep, stepIndex) => ({
      stepIndex,
      timestep,
      guidanceScale: isGuided ? guidanceScale : undefined,
      deltaAge: undefined,
      keepsDelta: false,
      priorNoise: 0,
      contexts: contexts.map((context) => ({
        context,
        signature: 0,
        reads: new Map(),
        stores: [],
        drops: [],
        computed: [],
        reused: new Map(),
        zeroed: [],
        changed: new Map(),
        decisions: [],
      })),
    })),
    warnings: [],
  };
}
