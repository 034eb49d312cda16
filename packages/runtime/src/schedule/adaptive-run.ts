// A run whose steps are not known before: each context's step is worked out when its probes have been measured.

import { residualOwner } from "@phaseskip/graph";
import type { AdaptiveDecision } from "./adaptive-decision.js";
import type { AdaptiveRules, ProbeQuestion } from "./adaptive.js";
import { scheduledContext } from "./keep.js";
import type { Context, Plan } from "../plan/plan.js";
import { contexts } from "../plan/plan.js";
import type { RunState } from "./run-state.js";
import { cacheEntry, startState } from "./run-state.js";
import type { ScheduledContext } from "./scheduled-context.js";
import type { Timeline } from "./timeline.js";

/** Plans one run's contexts, one after the other, in running order. */
export class AdaptiveRun {
  /** What has been decided so far; given back as a run's `decisions`, it leads to the same steps. */
  readonly decisions: AdaptiveDecision[] = [];
  readonly #plan: Plan;
  readonly #rules: AdaptiveRules;
  readonly #timeline: Timeline;
  readonly #readUntil = new Map<string, number>();
  readonly #state: RunState = startState();
  /** By rule and context: the probe's changes since the last step that computed. */
  readonly #changes = new Map<string, number>();
  readonly #held = new Set<string>();

  constructor(plan: Plan, timeline: Timeline, rules: AdaptiveRules) {
    this.#plan = plan;
    this.#timeline = timeline;
    this.#rules = rules;
  }

  /**
   * Plans a context's next step.
   * @param measure answers how much a probe has changed, as a part of its mean absolute value; what is not finite counts
   * as more than any threshold
   */
  async context(
    context: Context,
    stepIndex: number,
    measure: (question: ProbeQuestion) => Promise<number>,
  ): Promise<ScheduledContext> {
    const outcomes = new Map<number, boolean>();
    const decisions: AdaptiveDecision[] = [];
    for (;;) {
      const state = this.#state;
      const next = this.#rules.next(context, stepIndex, state, outcomes);
      if (!next) break;
      const { rule, question } = next;
      const change = question && (await measure(question));
      const reuse =
        change !== undefined && this.#isBelow(rule, context, change);
      if (!reuse) this.#changes.delete(`${rule} ${context}`);
      outcomes.set(rule, reuse);
      const decision = { stepIndex, context, rule, reuse };
      decisions.push(change === undefined ? decision : { ...decision, change });
    }
    this.decisions.push(...decisions);
    const draft = this.#rules.context(
      context,
      stepIndex,
      this.#state,
      outcomes,
    );
    const kept = this.#kept(stepIndex);
    const stores = draft.makes.filter(({ entry }) => kept.has(entry));
    for (const { entry } of stores) this.#held.add(entry);
    const drops = [...this.#held].filter((entry) => !kept.has(entry));
    for (const entry of drops) this.#held.delete(entry);
    return scheduledContext({ ...draft, decisions }, stores, drops);
  }

  #isBelow(rule: number, context: Context, change: number): boolean {
    const key = `${rule} ${context}`;
    const sum = (this.#changes.get(key) ?? 0) + change;
    this.#changes.set(key, sum);
    return sum < this.#rules.rule(rule).threshold;
  }

  /** Names of all values that some later step may read. */
  #kept(stepIndex: number): Set<string> {
    const kept = new Set<string>();
    for (const context of contexts) {
      const { computed, probed } = this.#state[context];
      for (const [port, points] of computed) {
        const isRead = this.#rules.readPorts.has(port);
        if (!isRead || this.#lastRead(port) < stepIndex) continue;
        for (const point of points) {
          for (const kind of ["value", "difference"] as const)
            kept.add(cacheEntry(kind, context, port, point.stepIndex));
        }
      }
      for (const [rule, step] of probed) {
        const port = this.#rules.probeKey(rule);
        if (step >= stepIndex - 1)
          kept.add(cacheEntry("probe", context, port, step));
      }
    }
    for (const [port, entry] of this.#state.means)
      if (this.#lastRead(port) >= stepIndex) kept.add(entry);
    return kept;
  }

  #lastRead(port: string): number {
    const known = this.#readUntil.get(port);
    if (known !== undefined) return known;
    const last = lastRead(port, this.#plan, this.#timeline);
    this.#readUntil.set(port, last);
    return last;
  }
}

/** The last step at which a port's kept values may be read, in either context; -1 for none. */
function lastRead(port: string, { rules }: Plan, timeline: Timeline): number {
  const path = port.slice(port.lastIndexOf("@") + 1);
  const unit = residualOwner(path) ?? path;
  const isRead = (context: Context, stepIndex: number) => {
    const action = rules[timeline.ruleAt(unit, context, stepIndex)]?.action;
    return ["reuse", "extrapolate", "forecast", "adaptive"].includes(
      action ?? "run",
    );
  };
  return timeline.timesteps.findLastIndex((_, stepIndex) =>
    contexts.some((context) => isRead(context, stepIndex)),
  );
}
