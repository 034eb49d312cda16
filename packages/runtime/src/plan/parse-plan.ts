// From JSON to a plan: every field is known, and has the form it must have.

import {
  integer,
  invalid,
  list,
  number,
  object,
  onlyFields,
  optional,
  text,
} from "./json-fields.js";
import type {
  Action,
  Context,
  GuidanceRule,
  Phase,
  Plan,
  PlanConditions,
  PriorNoise,
  Rule,
} from "./plan.js";
import { contexts as allContexts } from "./plan.js";
import { suggestion } from "./nearest.js";
import { parseAction } from "./parse-action.js";
import { forecastFields, parseForecast } from "./parse-forecast.js";
import { parseRefresh } from "./parse-refresh.js";

/**
 * Checks the form of a plan.
 *
 * @example
 * ```ts
 * import { parsePlan } from "phaseskip/plans";
 *
 * const plan = parsePlan({
 *   format: "phaseskip-plan",
 *   version: 1,
 *   phases: [{ name: "denoising", from: 600, to: 0 }],
 *   rules: [{ units: ["up_blocks.1"], phases: ["denoising"], action: "reuse", refresh: { every: 3 } }],
 * });
 * ```
 * @param value what `JSON.parse` gave
 * @throws {PhaseskipError} `plan-invalid` that names the rule and field, what it must be, and what it is
 */
export function parsePlan(value: unknown): Plan {
  const plan = object(value, "a plan");
  if (plan["format"] !== "phaseskip-plan") {
    throw invalid("format", 'must be "phaseskip-plan"', plan["format"]);
  }
  if (plan["version"] !== 1)
    throw invalid("version", "must be 1", plan["version"]);
  onlyFields(plan, "the plan", [
    ...[
      "format",
      "version",
      "name",
      "description",
      "phases",
      "rules",
      "guidance",
      "priorNoise",
      "steps",
    ],
    ...["model", "valid", "calibration"],
  ]);
  const phases = listed(plan["phases"], "phases").map(parsePhase);
  const names = phases.map((phase) => phase.name);
  phases.forEach(({ name }, i) => {
    if (names.indexOf(name) !== i)
      throw invalid(`phases[${i}].name`, "must be of its own", name);
  });
  const rules = list(plan["rules"], "rules").map((rule, i) =>
    parseRule(rule, `rules[${i}]`, names),
  );
  const guidance = listed(plan["guidance"], "guidance").map((rule, i) =>
    parseGuidance(rule, `guidance[${i}]`, names),
  );
  return {
    format: "phaseskip-plan",
    version: 1,
    ...optional("name", plan["name"], text),
    ...optional("description", plan["description"], text),
    phases,
    rules,
    guidance,
    ...optional("priorNoise", plan["priorNoise"], (given) =>
      parsePriorNoise(given, names),
    ),
    ...optional("steps", plan["steps"], parseSteps),
    ...optional("model", plan["model"], parseModel),
    ...optional("valid", plan["valid"], parseConditions),
    ...("calibration" in plan && { calibration: plan["calibration"] }),
  };
}

/** A list that may be missing. */
function listed(value: unknown, at: string): readonly unknown[] {
  return value === undefined ? [] : list(value, at);
}

function parsePhase(value: unknown, i: number): Phase {
  const at = `phases[${i}]`;
  const phase = object(value, at);
  onlyFields(phase, at, ["name", "from", "to"]);
  const from = number(phase["from"], `${at}.from`);
  const to = number(phase["to"], `${at}.to`);
  if (!(from > to)) {
    throw invalid(at, "must have from above to", {
      from,
      to,
    });
  }
  return { name: text(phase["name"], `${at}.name`), from, to };
}

/** What a rule may say beside its action's own fields. */
const ruleFields = ["units", "phases", "contexts", "action"];

function parseRule(
  value: unknown,
  at: string,
  phases: readonly string[],
): Rule {
  const rule = object(value, at);
  const units = list(rule["units"], `${at}.units`).map((unit, i) =>
    pattern(unit, `${at}.units[${i}]`),
  );
  if (units.length === 0)
    throw invalid(`${at}.units`, "must name at least one unit", units);
  const action = parseAction(rule, at, ruleFields);
  checkWhole(units, action, at);
  return {
    units,
    ...optional("phases", rule["phases"], (given) =>
      phaseNames(given, `${at}.phases`, phases),
    ),
    ...optional("contexts", rule["contexts"], (given) =>
      contexts(given, `${at}.contexts`),
    ),
    ...action,
  };
}

/** The whole Unet has an output to keep, and nothing else that could stand in for it. */
function checkWhole(units: readonly string[], action: Action, at: string) {
  const isKept = ["run", "reuse", "extrapolate", "forecast"].includes(
    action.action,
  );
  const isResidual = "value" in action && action.value === "residual";
  if (!units.includes("") || (isKept && !isResidual)) return;
  throw invalid(
    `${at}.action`,
    'must be run, reuse of the output or mean, extrapolate or forecast for the whole Unet, ""',
    isResidual ? `${action.action} of the residual` : action.action,
  );
}

function parseGuidance(
  value: unknown,
  at: string,
  names: readonly string[],
): GuidanceRule {
  const rule = object(value, at);
  const phases = optional("phases", rule["phases"], (given) =>
    phaseNames(given, `${at}.phases`, names),
  );
  // one of the two is misspelt, or missing
  if (!("scale" in rule || "action" in rule))
    onlyFields(rule, at, ["phases", "action", "refresh", "scale"]);
  if ("scale" in rule && !("action" in rule)) {
    onlyFields(rule, at, ["phases", "scale"]);
    return { ...phases, scale: number(rule["scale"], `${at}.scale`) };
  }
  if (rule["action"] === "delta") {
    onlyFields(rule, at, ["phases", "action", "refresh", ...forecastFields]);
    const refresh = parseRefresh(rule["refresh"], `${at}.refresh`);
    const isForecast = forecastFields.some((field) => field in rule);
    const forecast = isForecast ? parseForecast(rule, at) : {};
    return { ...phases, action: "delta", ...forecast, refresh };
  }
  onlyFields(rule, at, ["phases", "action"]);
  if (rule["action"] !== "off") {
    throw invalid(
      at,
      'must have "action": "off", "action": "delta" with a refresh, or a "scale"',
      value,
    );
  }
  return { ...phases, action: "off" };
}

function parsePriorNoise(value: unknown, names: readonly string[]): PriorNoise {
  const prior = object(value, "priorNoise");
  onlyFields(prior, "priorNoise", ["weight", "phases"]);
  return {
    weight: number(prior["weight"], "priorNoise.weight"),
    ...optional("phases", prior["phases"], (given) =>
      phaseNames(given, "priorNoise.phases", names),
    ),
  };
}

function parseSteps(value: unknown): NonNullable<Plan["steps"]> {
  const steps = object(value, "steps");
  onlyFields(steps, "steps", ["numInferenceSteps", "timesteps"]);
  if (Object.keys(steps).length !== 1) {
    throw invalid("steps", "must have numInferenceSteps or timesteps", value);
  }
  return {
    ...optional("numInferenceSteps", steps["numInferenceSteps"], (given) =>
      integer(given, "steps.numInferenceSteps", 1),
    ),
    ...optional("timesteps", steps["timesteps"], parseTimesteps),
  };
}

/** From the noisiest on; some samplers repeat one. */
function parseTimesteps(value: unknown): readonly number[] {
  const timesteps = list(value, "steps.timesteps").map((t, i) =>
    number(t, `steps.timesteps[${i}]`),
  );
  const isFalling = timesteps.every(
    (t, i) => t >= 0 && t <= (timesteps[i - 1] ?? Infinity),
  );
  if (timesteps.length === 0 || !isFalling) {
    throw invalid(
      "steps.timesteps",
      "must hold at least one timestep, from the noisiest (the highest) down, none below 0",
      value,
    );
  }
  return timesteps;
}

function parseModel(value: unknown): NonNullable<Plan["model"]> {
  const model = object(value, "model");
  onlyFields(model, "model", ["unet"]);
  const unet = text(model["unet"], "model.unet");
  if (!/^sha256:[0-9a-f]{64}$/.test(unet)) {
    throw invalid(
      "model.unet",
      "must be sha256: and 64 hexadecimal digits",
      unet,
    );
  }
  return { unet };
}

function parseConditions(value: unknown): PlanConditions {
  const valid = object(value, "valid");
  onlyFields(valid, "valid", [
    "schedulers",
    "numInferenceSteps",
    "guidanceScale",
  ]);
  const range = (given: unknown, at: string): [number, number] => {
    const [low, high, ...more] = list(given, at).map((end, i) =>
      number(end, `${at}[${i}]`),
    );
    if (
      low === undefined ||
      high === undefined ||
      more.length > 0 ||
      low > high
    ) {
      throw invalid(at, "must be [lowest, highest]", given);
    }
    return [low, high];
  };
  return {
    ...optional("schedulers", valid["schedulers"], (given) =>
      list(given, "valid.schedulers").map((name, i) =>
        text(name, `valid.schedulers[${i}]`),
      ),
    ),
    ...optional("numInferenceSteps", valid["numInferenceSteps"], (given) =>
      range(given, "valid.numInferenceSteps"),
    ),
    ...optional("guidanceScale", valid["guidanceScale"], (given) =>
      range(given, "valid.guidanceScale"),
    ),
  };
}

function phaseNames(
  value: unknown,
  at: string,
  known: readonly string[],
): string[] {
  return list(value, at).map((given, i) => {
    const name = text(given, `${at}[${i}]`);
    if (known.includes(name)) return name;
    throw invalid(
      `${at}[${i}]`,
      `must be one of the plan's phases (${known.join(", ") || "none"})`,
      name,
      suggestion(name, known),
    );
  });
}

function contexts(value: unknown, at: string): Context[] {
  return list(value, at).map((context, i) => {
    if (allContexts.some((known) => known === context))
      return context as Context;
    throw invalid(
      `${at}[${i}]`,
      'must be "cond", "image" or "uncond"',
      context,
    );
  });
}

function pattern(value: unknown, at: string): string {
  const given = text(value, at);
  if (given === "") return given;
  if (given.split(".").every((part) => /^(\*\*?|[A-Za-z0-9_-]+)$/.test(part)))
    return given;
  throw invalid(
    at,
    "must be path elements joined by dots, each a name, * or **",
    given,
  );
}
