// A plan on a model and a list of timesteps: what runs at every step, worked out before anything runs.

import type { Unet } from "@phaseskip/graph";
import { AdaptiveRun } from "./adaptive-run.js";
import type { AdaptiveDecision } from "./adaptive-decision.js";
import { AdaptiveRules, replay } from "./adaptive.js";
import { checkMeans } from "../plan/check-means.js";
import { checkConditions, checkSteps, matchUnits } from "./check-plan.js";
import type { GuidanceStep } from "./guidance-steps.js";
import { guidanceSteps } from "./guidance-steps.js";
import type { DecidedDraft } from "./keep.js";
import { keepWhatIsRead } from "./keep.js";
import { exploreOutcomes } from "./outcomes.js";
import type { Context } from "../plan/plan.js";
import { startState } from "./run-state.js";
import type { ScheduleRequest } from "./schedule-request.js";
import type { Schedule } from "./scheduled.js";
import { Simulation } from "./simulation.js";
import { Timeline } from "./timeline.js";

export type { Schedule, ScheduledStep } from "./scheduled.js";
export type { ScheduledContext } from "./scheduled-context.js";

/**
 * Simulates all steps of a plan in both contexts; where adaptive rules are to decide, under all that they can decide.
 *
 * @throws {PhaseskipError} `plan-invalid` that names the rule, step and context
 * @throws {RangeError} If decisions are given, and one is missing
 */
export function schedulePlan(unet: Unet, given: ScheduleRequest): Schedule {
  const { timesteps, decisions, means, added = [] } = given;
  const ownRules = given.plan.rules;
  const rules = [...ownRules, ...added.map((one) => one.rule)];
  const plan = { ...given.plan, rules };
  const request = { ...given, plan };
  checkConditions(request);
  const beyond = checkSteps(plan, request);
  const matching = matchUnits(unet, plan);
  checkMeans(unet, plan, matching, means);
  const timeline = new Timeline(request, matching);
  const reachedGuidance = new Set<number>();
  const guidance = guidanceSteps(request, timeline, reachedGuidance);
  const simulation = new Simulation(unet, plan, timeline, matching);
  const adaptive = new AdaptiveRules(
    unet,
    plan,
    timeline,
    matching,
    simulation,
  );
  const isAdaptive = adaptive.indices.length > 0;
  if (isAdaptive) exploreOutcomes(plan, adaptive, guidance);
  const drafts = simulate(adaptive, guidance, decisions);
  const contexts = keepWhatIsRead(drafts);
  const priorNoise = (stepIndex: number) =>
    plan.priorNoise && timeline.isIn(plan.priorNoise.phases, stepIndex)
      ? plan.priorNoise.weight
      : 0;
  const steps = guidance.map((step, stepIndex) => ({
    ...step,
    stepIndex,
    timestep: timesteps[stepIndex]!,
    priorNoise: priorNoise(stepIndex),
    contexts: contexts[stepIndex]!,
  }));
  const unreached = [
    ...ownRules.flatMap(({ action, units }, i) =>
      simulation.reached.has(i)
        ? []
        : [`rules[${i}] (${action} ${units.join(", ")})`],
    ),
    ...(plan.guidance ?? []).flatMap((_, i) =>
      reachedGuidance.has(i) ? [] : [`guidance[${i}]`],
    ),
    ...(plan.priorNoise && steps.every((step) => step.priorNoise === 0)
      ? ["priorNoise"]
      : []),
  ];
  return {
    signatures: simulation.signatures,
    steps,
    warnings: [
      ...beyond,
      ...unreached.map((rule) => `${rule} applies at no step of this run`),
      ...[...simulation.standIns].map(
        ([rule, { size }]) =>
          `rules[${rule}] forecasts ${size} steps of this run, which starts later than its coefficients are for, by the polynomial through the kept values`,
      ),
    ],
    ...(isAdaptive &&
      !decisions && {
        adaptive: () => new AdaptiveRun(plan, timeline, adaptive),
      }),
    ...(means && { means }),
  };
}

/** All steps, with the decisions given; without, adaptive rules compute at every step. */
function simulate(
  rules: AdaptiveRules,
  guidance: readonly GuidanceStep[],
  given: readonly AdaptiveDecision[] | undefined,
): DecidedDraft[][] {
  const state = startState();
  const decide = given ? replay(given) : () => false;
  return guidance.map(({ contexts }, stepIndex) =>
    contexts.map((context: Context) => {
      const outcomes = new Map<number, boolean>();
      const decisions: AdaptiveDecision[] = [];
      for (;;) {
        const next = rules.next(context, stepIndex, state, outcomes);
        if (!next) break;
        const { rule, question } = next;
        const reuse = question ? decide(rule, context, stepIndex) : false;
        outcomes.set(rule, reuse);
        if (given) decisions.push({ stepIndex, context, rule, reuse });
      }
      const draft = rules.context(context, stepIndex, state, outcomes);
      return { ...draft, decisions };
    }),
  );
}
