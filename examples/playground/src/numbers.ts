// The table of what the plan saves: measured, and predicted before.

import type { Generated, PlanDescription } from "phaseskip";

/** What both runs were said to cost. */
export interface Prediction {
  readonly whole: PlanDescription;
  readonly plan: PlanDescription;
}

/** Fills the table. */
export function showNumbers(
  full: Generated,
  skipped: Generated,
  predicted: Prediction,
): void {
  const saving = (of: "macs" | "milliseconds") => {
    const [before, after] = [predicted.whole[of], predicted.plan[of]];
    return before && after !== undefined ? 1 - after / before : undefined;
  };
  const macs = [full.report.macs, skipped.report.macs] as const;
  fillRow("macs", macs, giga, saving("macs"));
  const times = [unetTime(full), unetTime(skipped)] as const;
  fillRow("time", times, seconds, saving("milliseconds"));
}

function fillRow(
  name: "macs" | "time",
  [full, plan]: readonly [number, number],
  format: (value: number) => string,
  predicted: number | undefined,
): void {
  document.getElementById(`${name}-full`)!.textContent = format(full);
  document.getElementById(`${name}-plan`)!.textContent = format(plan);
  document.getElementById(`${name}-saved`)!.textContent = percent(
    1 - plan / full,
  );
  document.getElementById(`${name}-predicted`)!.textContent =
    predicted === undefined ? "–" : percent(predicted);
}

/** Milliseconds in the Unet, without making sessions and pictures. */
export function unetTime({ report }: Generated): number {
  return report.steps
    .flatMap(({ contexts }) => contexts)
    .reduce((sum, { milliseconds }) => sum + milliseconds, 0);
}

/** A time, written out. */
export const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;
const giga = (macs: number) => `${(macs / 1e9).toFixed(1)} G`;
const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
