// What a unit does at a step, in one word, as strips draw it.

import type { ChangedBy } from "./scheduled-context.js";

/** Computed, a kept value or one made of such, zeros, or changed in another way. */
export type ShownAs = "run" | "reuse" | "zero" | "change";

/** What one context does at one step, as plan descriptions and reports tell it. */
export interface ShownActs {
  /** Acted-on units that are computed. */
  readonly computed: readonly string[];
  /** Units whose kept value is handed on, with the number of steps since it was computed. */
  readonly reused: Readonly<Record<string, number>>;
  /** Units that are zeroed. */
  readonly zeroed: readonly string[];
  /** Units whose output is changed in another way, and how. */
  readonly changed: Readonly<Record<string, ChangedBy>>;
}

/**
 * What to show of a unit at a step. Its outputs may differ: one that is computed makes it run.
 * @param unit its module path
 * @returns `undefined` where no action takes hold of it
 */
export function shownAs(
  unit: string,
  { computed, reused, zeroed, changed }: ShownActs,
): ShownAs | undefined {
  // what is forecast is made of kept values
  const how = changed[unit];
  if (how === "extrapolate" || how === "forecast") return "reuse";
  if (how !== undefined) return "change";
  if (computed.includes(unit)) return "run";
  if (unit in reused) return "reuse";
  return zeroed.includes(unit) ? "zero" : undefined;
}
