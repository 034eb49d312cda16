// When rules act in a study.

import type { Rule } from "../plan/plan.js";

/** Rules that act from one step to another, and on no other step. */
export interface StudyWindow {
  /** What the rules say, phases left out: they act at each step of the window. */
  readonly rules: readonly Rule[];
  /** Inclusive. */
  readonly firstStep: number;
  /** Exclusive. */
  readonly endStep: number;
}
