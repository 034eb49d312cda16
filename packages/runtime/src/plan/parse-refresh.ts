// When a reused value is computed anew, from JSON.

import { integer, invalid, list, number, type Json } from "./json-fields.js";
import { suggestion } from "./nearest.js";
import type { Refresh } from "./plan.js";

const fields = ["every", "everyTimesteps", "at", "atTimesteps"];

/**
 * Checks the form of a rule's `refresh`.
 * @throws {PhaseskipError} `plan-invalid`
 */
export function parseRefresh(value: unknown, at: string): Refresh {
  if (value === "never") return value;
  const wanted = `must be "never" or one of ${fields.join(", ")}`;
  if (typeof value !== "object" || value === null)
    throw invalid(at, wanted, value, suggestion(value, ["never"]));
  const refresh = value as Json;
  const [field, ...more] = Object.keys(refresh);
  if (field === undefined || more.length > 0) throw invalid(at, wanted, value);
  const given = refresh[field];
  switch (field) {
    case "every":
      return { every: integer(given, `${at}.every`, 1) };
    case "everyTimesteps": {
      const timesteps = number(given, `${at}.everyTimesteps`);
      if (timesteps <= 0)
        throw invalid(`${at}.everyTimesteps`, "must be above 0", given);
      return { everyTimesteps: timesteps };
    }
    case "at":
      return {
        at: list(given, `${at}.at`).map((step, i) =>
          integer(step, `${at}.at[${i}]`, 0),
        ),
      };
    case "atTimesteps":
      return {
        atTimesteps: list(given, `${at}.atTimesteps`).map((t, i) =>
          number(t, `${at}.atTimesteps[${i}]`),
        ),
      };
    default:
      throw invalid(at, wanted, value, suggestion(field, fields));
  }
}
