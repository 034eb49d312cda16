// All that adaptive rules can lead to: every step under every decision, from every state that decisions before
// it can have left.

import { PhaseskipError } from "@phaseskip/graph";
import type { AdaptiveRules } from "./adaptive.js";
import type { GuidanceStep } from "./guidance-steps.js";
import type { Context, Plan } from "../plan/plan.js";
import { contexts } from "../plan/plan.js";
import type { RunState } from "./run-state.js";
import { copyState, startState } from "./run-state.js";

/** More states of a run than this are too many to look at. */
const mostStates = 256;

/**
 * Walks through all outcomes; what they lead to gathers in the simulation's signatures.
 * @throws {PhaseskipError} `plan-invalid` if any of them cannot run
 */
export function exploreOutcomes(
  plan: Plan,
  rules: AdaptiveRules,
  steps: readonly GuidanceStep[],
): void {
  for (const contexts of independent(plan, steps))
    explore(plan, rules, steps, contexts);
}

/** Groups of contexts that have to do with each other; of two that are alike, one. */
function independent(plan: Plan, steps: readonly GuidanceStep[]): Context[][] {
  const meets = plan.rules.some(
    (rule) => rule.action === "reuse" && rule.value === "mean",
  );
  const run = contexts.filter((one) =>
    steps.some((step) => step.contexts.includes(one)),
  );
  if (meets) return [run];
  const isAlike =
    plan.rules.every((rule) => rule.contexts === undefined) &&
    steps.every((step) => step.contexts.length === run.length);
  return isAlike ? [["cond"]] : run.map((one) => [one]);
}

function explore(
  plan: Plan,
  rules: AdaptiveRules,
  steps: readonly GuidanceStep[],
  explored: readonly Context[],
): void {
  let states: RunState[] = [startState()];
  steps.forEach(({ contexts }, stepIndex) => {
    for (const context of contexts) {
      if (!explored.includes(context)) continue;
      const next = new Map<string, RunState>();
      for (const state of states) {
        for (const outcome of outcomesOf(rules, context, stepIndex, state)) {
          const after = copyState(state);
          rules.context(context, stepIndex, after, outcome);
          next.set(stateKey(plan, after, stepIndex), after);
        }
      }
      states = [...next.values()];
      if (states.length > mostStates) {
        throw new PhaseskipError(
          "plan-invalid",
          `Cannot run the plan as its adaptive rules must not lead to more than ${mostStates} different states: at step ${stepIndex} (${context}) there are ${states.length}; a lower maxConsecutive or fewer rules make fewer`,
        );
      }
    }
  });
}

/** Every combination of decisions that is possible at a step. */
function outcomesOf(
  rules: AdaptiveRules,
  context: Context,
  stepIndex: number,
  state: RunState,
  decided: ReadonlyMap<number, boolean> = new Map<number, boolean>(),
): ReadonlyMap<number, boolean>[] {
  const next = rules.next(context, stepIndex, state, decided);
  if (!next) return [decided];
  const choices = next.question ? [true, false] : [false];
  return choices.flatMap((reuse) =>
    outcomesOf(
      rules,
      context,
      stepIndex,
      state,
      new Map([...decided, [next.rule, reuse]]),
    ),
  );
}

/** Equal for states that no later step can tell apart. */
function stateKey(plan: Plan, state: RunState, stepIndex: number): string {
  const refreshes = plan.rules.flatMap((rule) =>
    "refresh" in rule ? [rule.refresh] : [],
  );
  const every = refreshes.map((refresh) =>
    typeof refresh === "object" && "every" in refresh ? refresh.every : 0,
  );
  const longest = Math.max(0, ...every);
  // a table of coefficients may be for other values than those at hand
  const isAged = plan.rules.some((rule) => "ages" in rule);
  const isTimed = refreshes.some(
    (refresh) => typeof refresh === "object" && "everyTimesteps" in refresh,
  );
  const means = [...state.means].filter(([port, name]) => {
    const step = (context: Context) =>
      state[context].computed.get(port)?.[0]?.stepIndex;
    return name.endsWith(`#${step("cond")} #${step("uncond")}`);
  });
  const each = contexts
    .map((context) => state[context])
    .map(({ computed, inRow, probed }) => [
      [...computed]
        .map(([port, points]) => [
          port,
          points.length,
          Math.min(longest, stepIndex - points[0]!.stepIndex),
          isTimed ? points[0]!.timestep : 0,
          isAged ? points.map((point) => stepIndex - point.stepIndex) : 0,
        ])
        .sort(),
      [...inRow].map(([index, count]) => {
        const rule = plan.rules[index]!;
        const most = "maxConsecutive" in rule ? rule.maxConsecutive : undefined;
        return [index, most === undefined ? 0 : Math.min(most, count)];
      }),
      [...probed].filter(([, step]) => step >= stepIndex - 1),
    ]);
  return JSON.stringify([means.map(([port]) => port), each]);
}
