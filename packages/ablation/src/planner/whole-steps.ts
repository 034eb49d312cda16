// Whole calls of the Unet left out: at the other steps its output is forecast from the last ones. As changes of a draft,
// where to begin with them, and how to move from one to another.

import type { StretchLoss, StepsLayout } from "../forecast/computed-steps.js";
import { layOutSteps } from "../forecast/computed-steps.js";
import type { Change, UnitChange } from "./draft.js";

/** The whole Unet, as plans name it. */
const wholeUnet = "";

/** Values that a forecast of its output adds up. */
const values = 3;

/** Calls left out in a row at most. */
const mostSkipped = 7;

/** The change that computes the whole Unet at these steps alone, and forecasts its output at the others. */
export function wholeSteps(
  computed: readonly number[],
  steps: number,
): UnitChange {
  return {
    kind: "unit",
    unit: wholeUnet,
    action: "forecast",
    rules: [
      {
        units: [wholeUnet],
        action: "forecast",
        values,
        basis: "taylor",
        refresh: { at: [...computed] },
      },
    ],
    firstStep: 0,
    endStep: steps,
  };
}

/** The steps that a change of {@link wholeSteps} computes; undefined of another change. */
export function computedSteps(change: Change): readonly number[] | undefined {
  if (change.kind !== "unit" || change.unit !== wholeUnet) return undefined;
  const [rule] = change.rules;
  const refresh = rule && "refresh" in rule ? rule.refresh : undefined;
  return typeof refresh === "object" && "at" in refresh
    ? refresh.at
    : undefined;
}

/** The best layouts for every number of calls. */
export function wholeStepsLayouts(
  loss: StretchLoss,
  steps: number,
): StepsLayout[] {
  return layOutSteps({ steps, values, mostSkipped, loss });
}

/** What a layout is predicted to lose. */
export function wholeStepsLoss(
  computed: readonly number[],
  steps: number,
  loss: StretchLoss,
): number {
  return [...computed, steps].reduce((sum, next, i, all) => {
    const from = all.slice(Math.max(0, i - values), i).reverse();
    return i === 0 || next === from[0]! + 1 ? sum : sum + loss(from, next);
  }, 0);
}

/** Layouts nearby: a call earlier or later, one more, one less. The first ones stay: forecasts need them. */
export function wholeStepsNearby(
  computed: readonly number[],
  steps: number,
): number[][] {
  const first = computed.slice(0, values);
  const rest = computed.slice(values);
  const taken = new Set(computed);
  const free = Array.from({ length: steps }, (_, i) => i).filter(
    (step) => !taken.has(step),
  );
  const moved = rest.flatMap((step, i) =>
    [step - 1, step + 1]
      .filter((to) => to < steps && !taken.has(to))
      .map((to) => rest.with(i, to)),
  );
  const fewer = rest.map((_, i) => rest.toSpliced(i, 1));
  const more = free.map((step) => [...rest, step]);
  return [...moved, ...fewer, ...more].map((others) => [
    ...first,
    ...others.toSorted((a, b) => a - b),
  ]);
}
