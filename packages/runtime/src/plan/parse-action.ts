// What a rule does, from JSON.

import {
  integer,
  invalid,
  list,
  number,
  onlyFields,
  optional,
  text,
  type Json,
} from "./json-fields.js";
import { suggestion } from "./nearest.js";
import { forecastFields, parseForecast } from "./parse-forecast.js";
import { parseRefresh } from "./parse-refresh.js";
import type { Action } from "./plan.js";

const actions: readonly Action["action"][] = [
  ...(["run", "reuse", "zero", "bypass", "mean"] as const),
  ...(["scale", "extrapolate", "forecast", "adaptive"] as const),
];

/**
 * Checks the form of a rule's action and of the fields that belong to it.
 *
 * @param common fields that any rule may have
 * @throws {PhaseskipError} `plan-invalid`
 */
export function parseAction(
  rule: Json,
  at: string,
  common: readonly string[],
): Action {
  const { action } = rule;
  const fields = (...own: string[]) =>
    onlyFields(rule, at, [...common, ...own]);
  const refresh = () => parseRefresh(rule["refresh"], `${at}.refresh`);
  switch (action) {
    case "run":
    case "bypass":
    case "mean":
      fields();
      return { action };
    case "zero":
      fields("value");
      return { action, ...valueField(rule, at, ["output", "residual"]) };
    case "reuse":
      fields("refresh", "value");
      return {
        action,
        refresh: refresh(),
        ...valueField(rule, at, ["output", "residual", "mean"]),
      };
    case "scale":
      fields("factor", "channels", "lowPass");
      return {
        action,
        factor: number(rule["factor"], `${at}.factor`),
        ...optional("channels", rule["channels"], (given) =>
          fractions(given, `${at}.channels`),
        ),
        ...optional("lowPass", rule["lowPass"], (given) =>
          integer(given, `${at}.lowPass`, 1),
        ),
      };
    case "extrapolate":
      fields("order", "refresh");
      return {
        action,
        order: orderOf(rule["order"], `${at}.order`),
        refresh: refresh(),
      };
    case "forecast":
      fields("refresh", ...forecastFields);
      return { action, ...parseForecast(rule, at), refresh: refresh() };
    case "adaptive":
      fields("probe", "threshold", "maxConsecutive", "warmup");
      return {
        action,
        probe: text(rule["probe"], `${at}.probe`),
        threshold: notNegative(rule["threshold"], `${at}.threshold`),
        ...optional("maxConsecutive", rule["maxConsecutive"], (given) =>
          integer(given, `${at}.maxConsecutive`, 1),
        ),
        ...optional("warmup", rule["warmup"], (given) =>
          integer(given, `${at}.warmup`, 0),
        ),
      };
    default:
      throw invalid(
        `${at}.action`,
        `must be ${actions.slice(0, -1).join(", ")} or ${actions.at(-1)!}`,
        action,
        suggestion(action, actions),
      );
  }
}

function valueField<T extends string>(
  rule: Json,
  at: string,
  known: readonly T[],
): { value?: T } {
  return optional("value", rule["value"], (given) => {
    const value = known.find((name) => name === given);
    if (value !== undefined) return value;
    throw invalid(
      `${at}.value`,
      `must be one of ${known.join(", ")}`,
      given,
      suggestion(given, known),
    );
  });
}

function fractions(value: unknown, at: string): [number, number] {
  const [from, to, ...more] = list(value, at).map((end, i) =>
    number(end, `${at}[${i}]`),
  );
  const isRange =
    from !== undefined &&
    to !== undefined &&
    more.length === 0 &&
    0 <= from &&
    from < to &&
    to <= 1;
  if (isRange) return [from, to];
  throw invalid(at, "must be [from, to] with 0 <= from < to <= 1", value);
}

function orderOf(value: unknown, at: string): number {
  if (
    Number.isInteger(value) &&
    (value as number) >= 0 &&
    (value as number) <= 4
  )
    return value as number;
  throw invalid(at, "must be an integer in [0, 4]", value);
}

function notNegative(value: unknown, at: string): number {
  const given = number(value, at);
  if (given >= 0) return given;
  throw invalid(at, "must be at least 0", value);
}
