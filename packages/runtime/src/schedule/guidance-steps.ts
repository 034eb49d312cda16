// Which contexts run at every step, and how they are mixed.

import { PhaseskipError } from "@phaseskip/graph";
import type { Context } from "../plan/plan.js";
import { forecastSum } from "./forecast-sum.js";
import { contextsAt } from "../guidance/guidance-contexts.js";
import type { Computed } from "./refresh.js";
import { isDue } from "./refresh.js";
import type { ScheduleRequest } from "./schedule-request.js";
import type { Timeline } from "./timeline.js";

/** A sum of kept differences `uncond − cond`, and of the like of other contexts. */
export interface KeptDeltas {
  /** Indices of the steps that both contexts ran at, newest first. */
  readonly steps: readonly number[];
  /** What each difference is multiplied by. */
  readonly coefficients: readonly number[];
}

/** Guidance at one step. */
export interface GuidanceStep {
  /** Guidance weight at this step; undefined where `cond`'s output is taken as it is. */
  readonly guidanceScale: number | undefined;
  /** Steps since both contexts ran last, where `uncond − cond` is kept from then; else undefined. */
  readonly deltaAge: number | undefined;
  /** What is taken in place of `uncond − cond`; missing where both contexts run, or guidance is off. */
  readonly deltas?: KeptDeltas;
  /** Whether a later step takes this step's `uncond − cond`. */
  readonly keepsDelta: boolean;
  /** Steps whose `uncond − cond` no later one takes. @default none */
  readonly dropsDeltas?: readonly number[];
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
  const { guidanceScale } = request;
  const { contexts = contextsAt(guidanceScale) } = request;
  const { guidance = [] } = request.plan;
  const { timesteps } = timeline;
  const ruleAt = (stepIndex: number) =>
    guidance.findLastIndex(({ phases }) => timeline.isIn(phases, stepIndex));
  let known: readonly Computed[] = [];
  const steps = timesteps.map((timestep, stepIndex): GuidanceStep => {
    const alone = { keepsDelta: false, contexts: ["cond"] } as const;
    const off = { ...alone, guidanceScale: undefined, deltaAge: undefined };
    if (contexts.length === 1) return off;
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
      const [last] = known;
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
        const run = timeline.forecastRun(stepIndex);
        const sum =
          rule.values !== undefined
            ? forecastSum(rule, known, run)
            : { points: [last], coefficients: [1] };
        if (typeof sum === "string") {
          throw new PhaseskipError(
            "plan-invalid",
            `Cannot run the plan as guidance[${index}] forecasts uncond − cond at step ${stepIndex} (timestep ${timestep}), ${sum}`,
          );
        }
        const deltas = {
          steps: sum.points.map((point) => point.stepIndex),
          coefficients: sum.coefficients,
        };
        const deltaAge = stepIndex - last.stepIndex;
        return { ...alone, guidanceScale: scale, deltaAge, deltas };
      }
    }
    const before = known.filter((point) => point.timestep !== timestep);
    known = [{ stepIndex, timestep }, ...before];
    return {
      guidanceScale: scale,
      deltaAge: undefined,
      keepsDelta: false,
      contexts,
    };
  });
  const lastReader = new Map<number, number>();
  steps.forEach(({ deltas }, i) => {
    for (const step of deltas?.steps ?? []) lastReader.set(step, i);
  });
  return steps.map((step, i) => ({
    ...step,
    keepsDelta: lastReader.has(i),
    ...(step.deltas && {
      dropsDeltas: step.deltas.steps.filter(
        (kept) => lastReader.get(kept) === i,
      ),
    }),
  }));
}
