// Where a plan makes values of kept ones: which rule, which unit, at which steps and from which.

import type { Unet } from "@phaseskip/graph";
import { matchUnits } from "../schedule/check-plan.js";
import type { Context } from "../plan/plan.js";
import { entryStep } from "../schedule/run-state.js";
import { schedulePlan } from "../schedule/schedule.js";
import type { ScheduleRequest } from "../schedule/schedule-request.js";
import { Timeline } from "../schedule/timeline.js";

/** A rule of action `forecast`, or of guidance's `delta` with one, on one unit in one context. */
export interface PlannedForecast {
  /** Index of the rule, or of the guidance rule where the unit is `guidance`. */
  readonly rule: number;
  /** The unit's path, `""` for the Unet's output, or `guidance` for `uncond − cond`. */
  readonly unit: string;
  /** The contexts that keep and forecast at the same steps; guidance has none. */
  readonly contexts: readonly Context[];
  /** The steps that forecast, and the steps whose values they add up, newest first. */
  readonly steps: readonly {
    readonly step: number;
    readonly from: readonly number[];
  }[];
}

/**
 * Lays a plan out on a run and lists its forecasts; contexts that do the same are one.
 * @throws {PhaseskipError} `plan-invalid` as a run does
 */
export function forecastSites(
  unet: Unet,
  request: ScheduleRequest,
): PlannedForecast[] {
  const { plan } = request;
  const timeline = new Timeline(request, matchUnits(unet, plan));
  const sites = new Map<string, PlannedForecast & { steps: object[] }>();
  const note = (
    site: Omit<PlannedForecast, "steps">,
    step: number,
    from: readonly number[],
  ) => {
    const key = JSON.stringify(site);
    const known = sites.get(key) ?? { ...site, steps: [] };
    sites.set(key, known);
    const isThere = known.steps.some((other) => other.step === step);
    if (!isThere) known.steps.push({ step, from });
  };
  const { guidance = [] } = plan;
  for (const { stepIndex, deltas, contexts } of schedulePlan(unet, request)
    .steps) {
    const rule = guidance.findLastIndex(({ phases }) =>
      timeline.isIn(phases, stepIndex),
    );
    const found = guidance[rule];
    if (deltas && found && "values" in found && found.values !== undefined)
      note({ rule, unit: "guidance", contexts: [] }, stepIndex, deltas.steps);
    for (const { context, reads } of contexts) {
      for (const [port, { entries }] of reads) {
        const unit = port.slice(port.lastIndexOf("@") + 1);
        const index = timeline.ruleAt(unit, context, stepIndex);
        if (plan.rules[index]?.action !== "forecast") continue;
        const site = { rule: index, unit, contexts: [context] };
        note(site, stepIndex, entries.map(entryStep));
      }
    }
  }
  const joined = new Map<string, PlannedForecast>();
  for (const site of sites.values()) {
    const { contexts, ...rest } = site;
    const key = JSON.stringify(rest);
    const known = joined.get(key);
    const both = [...(known?.contexts ?? []), ...contexts];
    joined.set(key, { ...rest, contexts: both });
  }
  return [...joined.values()];
}
