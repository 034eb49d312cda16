// Which contexts run at every step, and how they are mixed.

import { PhaseskipError } from "@phaseskip/graph";
import type { Context } from "../plan/plan.js";
import type { Computed } from "./refresh.js";
import { isDue } from "./refresh.js";
import type { ScheduleRequest } from "./schedule-request.js";
import type { Timeline } from "./timeline.js";

/** Guidance at one step. */
export interface GuidanceStep {
  /** Guidance weight at this step; undefined where `cond`'s output is taken as it is. */
  readonly guidanceScale: number | undefined;
  /** Steps since both contexts ran last, where `uncond − cond` is kept from then; else undefined. */
  readonly deltaAge: number | undefined;
  /** Whether a later step takes this step's `uncond − cond`. */
  readonly keepsDelta: boolean;
  /** Which run, in order. */
  readonly contexts: readonly Context[];
}

/**
 * Lays the guidance rules out on a run.
 *
 * @param reached gets the indices of the rules that apply at some step
 * @throws {PhaseskipError} `plan-invalid` if a difference is needed that no step has computed
 */
export function guidanceSteps(
  request: ScheduleRequest,
  timeline: Timeline,
  reached: Set<number>,
): GuidanceStep[] {
  const { guidanceScale, isGuided = guidanceScale !== 1 } = request;
  const { guidance = [] } = request.plan;
  const { timesteps } = timeline;
  const ruleAt = (stepIndex: number) =>
    guidance.findLastIndex(({ phases }) => timeline.isIn(phases, stepIndex));
  let last: Computed | undefined;
  const steps = timesteps.map((timestep, stepIndex): GuidanceStep => {
    const alone = { keepsDelta: false, contexts: ["cond"] } as const;
    const off = { ...alone, guidanceScale: undefined, deltaAge: undefined };
    if (!isGuided) return off;
    const index = ruleAt(stepIndex);
    const rule = guidance[index];
    if (rule) reached.add(index);
    let scale = guidanceScale;
    if (rule && "scale" in rule) {
      if (rule.scale === 1) return off;
      scale = rule.scale;
    } else if (rule?.action === "off") return off;
    else if (rule) {
      const isFirst = stepIndex === 0 || ruleAt(stepIndex - 1) !== index;
      const isNew =
        timeline.fills(stepIndex) ||
        isDue(rule.refresh, last, stepIndex, timesteps, isFirst);
      if (!isNew) {
        if (!last) {
          throw new PhaseskipError(
            "plan-invalid",
            `Cannot run the plan as guidance[${index}] takes uncond − cond at step ${stepIndex} (timestep ${timestep}) from an earlier step that ran both contexts, which none did: let both run before, or refresh it at this step`,
          );
        }
        const deltaAge = stepIndex - last.stepIndex;
        return { ...alone, guidanceScale: scale, deltaAge };
      }
    }
    last = { stepIndex, timestep };
    return {
      guidanceScale: scale,
      deltaAge: undefined,
      keepsDelta: false,
      contexts: ["cond", "uncond"],
    };
  });
  const kept = new Set(
    steps.flatMap(({ deltaAge }, i) =>
      deltaAge === undefined ? [] : [i - deltaAge],
    ),
  );
  return steps.map((step, i) => ({ ...step, keepsDelta: kept.has(i) }));
}
