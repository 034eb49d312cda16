// How a value is forecast, from JSON: by a table of coefficients, or by a basis that makes them.

import { integer, invalid, list, number, type Json } from "./json-fields.js";
import { suggestion } from "./nearest.js";
import type { Forecast, ForecastBasis } from "./plan.js";

/** What a forecast may say beside its `refresh`. */
export const forecastFields = [
  ...["values", "basis", "coefficients", "steps", "ages"],
];

const bases: readonly ForecastBasis[] = [
  ...(["taylor", "hermite", "chebyshev", "adams-bashforth", "bdf"] as const),
];

/**
 * Checks the form of what a forecast is made of.
 * @throws {PhaseskipError} `plan-invalid`
 */
export function parseForecast(rule: Json, at: string): Forecast {
  const values = integer(rule["values"], `${at}.values`, 2);
  const { basis, coefficients } = rule;
  const most = basis === undefined ? 6 : 4;
  if (values > most)
    throw invalid(`${at}.values`, `must be an integer in [2, ${most}]`, values);
  if ((basis === undefined) === (coefficients === undefined)) {
    const wanted = `must have coefficients with steps, or a basis (${bases.join(", ")})`;
    throw invalid(at, wanted, rule);
  }
  if (basis !== undefined) {
    for (const field of ["steps", "ages"])
      if (rule[field] !== undefined)
        throw invalid(`${at}.${field}`, "must go with coefficients", rule);
    const known = bases.find((name) => name === basis);
    if (known) return { values, basis: known };
    const wanted = `must be one of ${bases.join(", ")}`;
    throw invalid(`${at}.basis`, wanted, basis, suggestion(basis, bases));
  }
  const table = rows(coefficients, `${at}.coefficients`, values);
  const steps = list(rule["steps"], `${at}.steps`).map((step, i) =>
    integer(step, `${at}.steps[${i}]`, 0),
  );
  const isRising = steps.every((step, i) => step > (steps[i - 1] ?? -1));
  if (!isRising || steps.length !== table.length) {
    const wanted = `must be ${table.length} rising step indices, one for each row of coefficients`;
    throw invalid(`${at}.steps`, wanted, rule["steps"]);
  }
  if (rule["ages"] === undefined) return { values, coefficients: table, steps };
  const ages = rows(rule["ages"], `${at}.ages`, values);
  ages.forEach((row, i) => {
    row.forEach((age, k) => integer(age, `${at}.ages[${i}][${k}]`, 1));
    const isOlder = row.every((age, k) => age > (row[k - 1] ?? 0));
    if (isOlder && row.length === table[i]?.length) return;
    const wanted = `must be ${table[i]?.length ?? 0} rising numbers of steps, one for each coefficient`;
    throw invalid(`${at}.ages[${i}]`, wanted, row);
  });
  if (ages.length === table.length)
    return { values, coefficients: table, steps, ages };
  const wanted = `must have ${table.length} rows, as coefficients has`;
  throw invalid(`${at}.ages`, wanted, ages.length);
}

function rows(given: unknown, at: string, longest: number): number[][] {
  return list(given, at).map((row, i) => {
    const numbers = list(row, `${at}[${i}]`).map((value, k) =>
      number(value, `${at}[${i}][${k}]`),
    );
    if (numbers.length >= 1 && numbers.length <= longest) return numbers;
    const wanted = `must hold 1 to ${longest} numbers, as values is ${longest}`;
    throw invalid(`${at}[${i}]`, wanted, row);
  });
}
