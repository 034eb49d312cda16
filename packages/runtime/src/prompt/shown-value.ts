// A value of the caller's in an error.

/** What was given where something else was wanted: short, whatever it is. */
export function shownValue(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (value === null || typeof value === "number" || typeof value === "boolean")
    return String(value);
  return Array.isArray(value) ? "an array" : `a value of type ${typeof value}`;
}
