// What a run computes, written out: plans that say different things may come to the same.

import type { Schedule, ScheduledContext } from "../schedule/schedule.js";
import type { PlannedRun } from "../pipeline/planned-run.js";

/**
 * All that decides the numbers of a run, as text: equal for two plans on one model if and only if every step of both
 * computes, keeps and hands on the same.
 * @returns undefined where that is open before the run: adaptive rules decide in it, and means come from beside the plan
 */
export function computationOf({
  schedule,
  scheduler,
}: PlannedRun): string | undefined {
  if (schedule.adaptive || schedule.means) return undefined;
  const steps = schedule.steps.map(
    ({ timestep, guidanceScale, deltas, priorNoise, contexts }) => ({
      ...{ timestep, guidanceScale, deltas, priorNoise },
      contexts: contexts.map((one) => contextOf(schedule, one)),
    }),
  );
  return JSON.stringify({ scheduler: scheduler.name, steps });
}

function contextOf(
  { signatures }: Schedule,
  { context, signature, reads }: ScheduledContext,
) {
  const ports = [...signatures[signature]!.ports].flatMap(
    ([key, { state, scale }]) =>
      state === "fresh" && !scale ? [] : [{ key, state, scale }],
  );
  const values = [...reads].map(([key, read]) => ({ key, ...read }));
  return { context, ports: sorted(ports), reads: sorted(values) };
}

/** By key: plans may name the same parts in another order. */
function sorted<T extends { readonly key: string }>(list: readonly T[]): T[] {
  return list.toSorted((a, b) => (a.key < b.key ? -1 : 1));
}
