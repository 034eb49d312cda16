// What must hold of a plan on a model and a run before its steps are looked at.

import type { Unet } from "@phaseskip/graph";
import { PhaseskipError } from "@phaseskip/graph";
import { nearest } from "../plan/nearest.js";
import { matchesPattern } from "../plan/pattern.js";
import {
  planTitle,
  type GuidanceRule,
  type Plan,
  type Rule,
} from "../plan/plan.js";
import type { ScheduleRequest } from "./schedule-request.js";

/**
 * The indices of the rules that match each unit, in the plan's order; only units with rules are listed.
 * @throws {PhaseskipError} `plan-invalid` if a pattern matches no unit
 */
export function matchUnits(unet: Unet, plan: Plan): Map<string, number[]> {
  const { units } = unet.units;
  const matching = new Map<string, number[]>();
  plan.rules.forEach((rule: Rule, index) => {
    for (const pattern of rule.units) {
      const found =
        pattern === ""
          ? [""]
          : [...units.keys()].filter((path) => matchesPattern(pattern, path));
      if (found.length === 0) {
        throw new PhaseskipError(
          "plan-invalid",
          `Cannot run the plan as rules[${index}] must name units of this model: "${pattern}" matches none of its ${units.size} (${others(pattern, [...units.keys()])})`,
        );
      }
      for (const path of found) {
        const rules = matching.get(path);
        if (!rules) matching.set(path, [index]);
        else if (rules.at(-1) !== index) rules.push(index);
      }
    }
  });
  return matching;
}

/** The pattern that was meant, and a few of the unit names, those first that begin as the pattern does. */
function others(pattern: string, paths: readonly string[]): string {
  const parts = pattern.split(".");
  const open = parts.lastIndexOf("**") + 1;
  const alike = paths.flatMap((path) => {
    const end = path.split(".").slice(open > 0 ? open - parts.length : 0);
    if (end.length !== parts.length - open) return [];
    const meant = end.map((part, i) => (parts[open + i] === "*" ? "*" : part));
    return [[...parts.slice(0, open), ...meant].join(".")];
  });
  const meant = nearest(pattern, alike) ?? [];
  const common = (path: string) => {
    let length = 0;
    while (length < path.length && path[length] === pattern[length]) length++;
    return length;
  };
  const sorted = [...paths].sort(
    (a, b) => common(b) - common(a) || a.length - b.length,
  );
  const named = new Set([meant, sorted].flat());
  return `such as ${[...named].slice(0, 3).join(", ")}`;
}

/** @throws {PhaseskipError} `plan-invalid` if the run violates the plan's `valid` */
export function checkConditions({
  plan,
  timesteps,
  startIndex = 0,
  // a run that starts from an image leaves out the first ones of as many
  gridLength: count = startIndex + timesteps.length,
  guidanceScale,
  scheduler,
}: ScheduleRequest): void {
  const { valid } = plan;
  const refuse = (
    what: string,
    wanted: string,
    found: string | number,
    hint = "",
  ) => {
    throw new PhaseskipError(
      "plan-invalid",
      `Cannot run ${planTitle(plan)} as it is valid only for ${what} ${wanted}: this run has ${found}${hint}`,
    );
  };
  if (valid?.schedulers && !valid.schedulers.includes(scheduler)) {
    const { schedulers } = valid;
    const misspelt = nearest(scheduler, schedulers);
    const hint =
      misspelt === undefined ? "" : `; is ${misspelt} to be ${scheduler}?`;
    refuse("the scheduler", schedulers.join(" or "), scheduler, hint);
  }
  const outside = (
    range: readonly [number, number] | undefined,
    value: number,
  ) =>
    range && (value < range[0] || value > range[1])
      ? `from ${range[0]} to ${range[1]}`
      : undefined;
  const steps = outside(valid?.numInferenceSteps, count);
  if (steps) refuse("numInferenceSteps", steps, count);
  const scale = outside(valid?.guidanceScale, guidanceScale);
  if (scale) refuse("guidanceScale", scale, guidanceScale);
}

/**
 * Warnings of rules that refresh at steps which a run that starts late does not have.
 * @throws {PhaseskipError} `plan-invalid` if the run has all steps of its schedule, and a rule refreshes at another one;
 * or if a rule has coefficients for a step that the grid does not have
 */
export function checkSteps(
  { rules, guidance }: Plan,
  {
    timesteps: { length: count },
    startIndex = 0,
    gridLength = startIndex + count,
  }: ScheduleRequest,
): string[] {
  const warnings: string[] = [];
  const check = (rule: Rule | GuidanceRule, name: string) => {
    if ("steps" in rule) {
      const beyond = rule.steps.find((step) => step >= gridLength);
      if (beyond !== undefined)
        throw new PhaseskipError(
          "plan-invalid",
          `Cannot run the plan as ${name} has coefficients for step ${beyond}, which must be below the grid's ${gridLength} steps: they hold for the number of steps that they were made for`,
        );
    }
    if (!("refresh" in rule) || rule.refresh === "never") return;
    if (!("at" in rule.refresh)) return;
    const beyond = rule.refresh.at.filter((step) => step >= count);
    if (beyond.length === 0) return;
    if (gridLength > count) {
      warnings.push(
        `${name} refreshes at ${beyond.length === 1 ? "step" : "steps"} ${beyond.join(", ")}, which this run of ${count} of the grid's ${gridLength} steps does not have: left out`,
      );
      return;
    }
    throw new PhaseskipError(
      "plan-invalid",
      `Cannot run the plan as ${name} refreshes at step ${beyond[0]}, which must be below the run's ${count} steps`,
    );
  };
  rules.forEach((rule, index) => check(rule, `rules[${index}]`));
  guidance?.forEach((rule, index) => check(rule, `guidance[${index}]`));
  return warnings;
}
