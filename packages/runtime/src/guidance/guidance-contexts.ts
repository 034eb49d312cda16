// Which contexts a guidance weight asks for.

import type { Context } from "../plan/plan.js";

/** The contexts of a run with a text, in running order: a weight of 1 mixes nothing in. */
export function contextsAt(guidanceScale: number): readonly Context[] {
  return guidanceScale === 1 ? ["cond"] : ["cond", "uncond"];
}
