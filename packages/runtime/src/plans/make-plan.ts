// What all plan functions return.

import type { Plan } from "../plan/plan.js";

/** A plan of these parts, in the format's version. */
export function makePlan(
  parts: Omit<Plan, "format" | "version" | "phases"> & Partial<Plan>,
): Plan {
  return { format: "phaseskip-plan", version: 1, phases: [], ...parts };
}
