// Reading fields of a plan's JSON, with errors that name the place.

import { PhaseskipError } from "@phaseskip/graph";
import { suggestion } from "./nearest.js";

/** A JSON object. */
export type Json = Readonly<Record<string, unknown>>;

/** A field that may be missing: an object with it, or an empty one. */
export function optional<K extends string, T>(
  name: K,
  value: unknown,
  parse: (value: unknown, at: string) => T,
): { [key in K]?: T } {
  return (value === undefined ? {} : { [name]: parse(value, name) }) as {
    [key in K]?: T;
  };
}

/** A JSON object. */
export function object(value: unknown, at: string): Json {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Json;
  throw invalid(at, "must be an object", value);
}

/** A JSON array. */
export function list(value: unknown, at: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw invalid(at, "must be a list", value);
}

/** A string. */
export function text(value: unknown, at: string): string {
  if (typeof value === "string") return value;
  throw invalid(at, "must be a string", value);
}

/** A finite number. */
export function number(value: unknown, at: string): number {
  if (typeof value !== "number") throw invalid(at, "must be a number", value);
  // what runs computes in float32, where larger ones are infinite
  if (Number.isFinite(Math.fround(value))) return value;
  throw invalid(at, "must be a number that float32 holds", value);
}

/** A whole number of at least `lowest`. */
export function integer(value: unknown, at: string, lowest: number): number {
  if (Number.isInteger(value) && (value as number) >= lowest)
    return value as number;
  throw invalid(at, `must be an integer of at least ${lowest}`, value);
}

/** Refuses a field that is not known. */
export function onlyFields(
  value: Json,
  at: string,
  known: readonly string[],
): void {
  const unknown = Object.keys(value).find((field) => !known.includes(field));
  if (unknown === undefined) return;
  const wanted = `may have the fields ${known.join(", ")}`;
  throw invalid(at, wanted, unknown, suggestion(unknown, known));
}

/**
 * The error for a place in the plan: what it must be, and what was found.
 * @param hint what was probably meant. @default ""
 */
export function invalid(
  at: string,
  wanted: string,
  found: unknown,
  hint = "",
): PhaseskipError {
  const shown = show(found);
  return new PhaseskipError(
    "plan-invalid",
    `Cannot read the plan as ${at} ${wanted}: found ${shown.length > 80 ? `${shown.slice(0, 77)}…` : shown}${hint}`,
  );
}

/** A value as JSON; a plan object may hold what that cannot say: NaN, a function, itself. */
function show(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "number") return String(value);
  try {
    return JSON.stringify(value) ?? typeof value;
  } catch {
    return typeof value;
  }
}
