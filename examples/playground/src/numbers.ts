// The table of what the plan saves: measured, and predicted before.

import type { Generated, PlanDescription } from "phaseskip";

/** What both runs were said to cost. */
export interface Prediction {
  readonly whole: PlanDescription;
  readonly plan: PlanDescription;
}

/** Shows what is predicted. */
export function showPrediction({ whole, plan }: Prediction): void {
  const saving = (before: number | undefined, after: number | undefined) =>
    before && after !== undefined ? percent(1 - after / before) : "–";
  set("macs-predicted", saving(whole.macs, plan.macs));
  set("time-predicted", saving(whole.milliseconds, plan.milliseconds));
}

/** Takes back what was measured, of another plan. */
export function clearMeasured(): void {
  for (const row of ["macs", "time"])
    for (const column of ["full", "plan", "saved"])
      set(`${row}-${column}`, "–");
}

/** Shows what was measured. */
export function showMeasured(full: Generated, skipped: Generated): void {
  fillRow("macs", [full.report.macs, skipped.report.macs], giga);
  fillRow("time", [unetTime(full), unetTime(skipped)], seconds);
}

function fillRow(
  name: "macs" | "time",
  [full, plan]: readonly [number, number],
  format: (value: number) => string,
): void {
  set(`${name}-full`, format(full));
  set(`${name}-plan`, format(plan));
  set(`${name}-saved`, percent(1 - plan / full));
}

function set(id: string, text: string): void {
  document.getElementById(id)!.textContent = text;
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

/** A device as people call it. */
export const deviceName = (device: string) =>
  device === "webgpu" ? "WebGPU" : "WebAssembly";
