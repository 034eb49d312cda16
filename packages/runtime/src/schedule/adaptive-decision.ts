// What an adaptive rule decided: told in reports, and given back to run the same steps again.

import type { Context } from "../plan/plan.js";
import { contexts } from "../plan/plan.js";

/** What an adaptive rule decided at one step in one context; all units that it applies to follow. */
export interface AdaptiveDecision {
  /** The step. */
  readonly stepIndex: number;
  /** The context, which decides for itself. */
  readonly context: Context;
  /** Index into the plan's rules. */
  readonly rule: number;
  /** Whether the kept values were reused. */
  readonly reuse: boolean;
  /**
   * By how much the probe changed since the step before, as a part of its mean absolute value; missing where the rule
   * computes in any case, or the decision was given.
   */
  readonly change?: number;
}

/** What decisions are looked up by. */
export function decisionKey(
  rule: number,
  context: Context,
  stepIndex: number,
): string {
  return `${rule} ${context} ${stepIndex}`;
}

/** Whether a value has the form of a report's decisions. */
export function isDecisionList(value: unknown): boolean {
  const isDecision = (given: unknown): boolean => {
    if (typeof given !== "object" || given === null) return false;
    const { stepIndex, context, rule, reuse } =
      given as Partial<AdaptiveDecision>;
    return (
      Number.isInteger(stepIndex) &&
      contexts.some((known) => known === context) &&
      Number.isInteger(rule) &&
      typeof reuse === "boolean"
    );
  };
  return Array.isArray(value) && value.every(isDecision);
}
