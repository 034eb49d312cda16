import { expect, test } from "vitest";
import { draftPlan } from "../src/planner/draft.js";
import {
  computedSteps,
  wholeSteps,
  wholeStepsLayouts,
  wholeStepsLoss,
  wholeStepsNearby,
} from "../src/planner/whole-steps.js";
import { tenSteps } from "./ten-steps.js";

test("is a plan that computes the whole Unet at its steps alone", () => {
  const change = wholeSteps([0, 1, 2, 5, 9], 10);
  expect(computedSteps(change)).toEqual([0, 1, 2, 5, 9]);
  const [rule, ...others] = draftPlan([change], tenSteps, "p").rules;
  expect(others).toEqual([]);
  expect(rule).toMatchObject({
    units: [""],
    action: "forecast",
    refresh: { at: [0, 1, 2, 5, 9] },
  });
  const reuse = { action: "reuse", refresh: { every: 2 } } as const;
  const other = { ...change, unit: "mid_block", action: "reuse" };
  expect(
    computedSteps({ ...other, rules: [{ units: ["mid_block"], ...reuse }] }),
  ).toBeUndefined();
});

test("neighbours keep the first steps, and have a call elsewhere, more or less", () => {
  const near = wholeStepsNearby([0, 1, 2, 5, 8], 10).map((one) =>
    one.join(" "),
  );
  expect(new Set(near).size).toBe(near.length);
  expect(near).toEqual(
    expect.arrayContaining([
      "0 1 2 4 8",
      "0 1 2 5 9",
      "0 1 2 8",
      "0 1 2 5 7 8",
    ]),
  );
  expect(near.every((one) => one.startsWith("0 1 2"))).toBe(true);
});

test("a layout loses what its search says", () => {
  const loss = (from: readonly number[], next: number) =>
    (next - from[0]!) ** 2 / (1 + from[0]!) + 0.1 * (from[0]! - from[1]!);
  for (const layout of wholeStepsLayouts(loss, 14))
    expect(wholeStepsLoss(layout.computed, 14, loss)).toBeCloseTo(layout.loss);
});
