// Which rule is in force when.

import type { ForecastRun } from "./forecast-sum.js";
import { isInPhase } from "./in-phase.js";
import type { Context } from "../plan/plan.js";
import type { ScheduleRequest } from "./schedule-request.js";

/** The rules of a plan over the steps of a run. */
export class Timeline {
  readonly timesteps: readonly number[];
  readonly #request: ScheduleRequest;
  /** Indices of the rules that match a unit, in the plan's order. */
  readonly #matching: ReadonlyMap<string, readonly number[]>;
  readonly #known = new Map<string, readonly number[]>();

  constructor(
    request: ScheduleRequest,
    matching: ReadonlyMap<string, readonly number[]>,
  ) {
    this.#request = request;
    this.#matching = matching;
    this.timesteps = request.timesteps;
  }

  /** What forecasts need to know of the run at a step. */
  forecastRun(stepIndex: number): ForecastRun {
    const { startIndex = 0, numTrainTimesteps } = this.#request;
    const at = { stepIndex, timestep: this.timesteps[stepIndex]! };
    return { at, startIndex, numTrainTimesteps };
  }

  /** The index of the last rule that matches a unit at a step, or -1. */
  ruleAt(unit: string, context: Context, stepIndex: number): number {
    const key = `${context} ${unit}`;
    const known = this.#known.get(key) ?? this.#rulesOf(unit, context);
    this.#known.set(key, known);
    return known[stepIndex] ?? -1;
  }

  /** Indices of the rules that match a unit at any time, in the plan's order. */
  matching(unit: string): readonly number[] {
    return this.#matching.get(unit) ?? [];
  }

  /** Whether a step is the first of a stretch on which its rule applies to a unit. */
  isFirst(unit: string, context: Context, stepIndex: number): boolean {
    return (
      stepIndex === 0 ||
      this.ruleAt(unit, context, stepIndex - 1) !==
        this.ruleAt(unit, context, stepIndex)
    );
  }

  /** Whether a step is the first of a run that starts late: no step before it could compute what a rule takes. */
  fills(stepIndex: number): boolean {
    return stepIndex === 0 && (this.#request.startIndex ?? 0) > 0;
  }

  /** Whether a step lies in one of these phases; without names, always. */
  isIn(names: readonly string[] | undefined, stepIndex: number): boolean {
    if (!names) return true;
    const { plan, numTrainTimesteps } = this.#request;
    return plan.phases.some(
      (phase) =>
        names.includes(phase.name) &&
        isInPhase(phase, this.timesteps[stepIndex]!, numTrainTimesteps),
    );
  }

  #rulesOf(unit: string, context: Context): number[] {
    const { plan, added = [] } = this.#request;
    const { rules } = plan;
    const own = rules.length - added.length;
    const matching = this.matching(unit);
    return this.timesteps.map(
      (_, stepIndex) =>
        matching.findLast((index) => {
          const rule = rules[index]!;
          return (
            (rule.contexts ?? [context]).includes(context) &&
            (added[index - own]?.isAt(stepIndex) ?? true) &&
            this.isIn(rule.phases, stepIndex)
          );
        }) ?? -1,
    );
  }
}
