// The test's pairs: they follow from the plan and the salt.

import { drawTest } from "@phaseskip/ablation";
import type { Plan } from "@phaseskip/runtime";
import type { PlanSession } from "./plan-session.js";
import { digestOf } from "./plan-runner.js";

/** Draws the test of a plan, and has the runner use it. */
export function drawTestOf(
  { options, splits, runner }: PlanSession,
  plan: Plan,
): void {
  const digest = digestOf({ plan, salt: options.salt });
  runner.setSplit("test", drawTest(splits, digest));
}
