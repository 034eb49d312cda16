// What a plan was measured to keep, out of its `calibration`. A file of its own in an app, fetched where a plan has one.

import type { Plan } from "./plan.js";

/** What pictures under a plan were measured to keep of the whole model's, on pairs that no search had seen. */
export interface MeasuredKeep {
  /** Mean SSIM to the whole model's picture from the same noise, at most 1. */
  readonly ssim: number;
  /** The mean's 95 % interval; missing where there were too few pairs for one. */
  readonly interval?: readonly [number, number];
  /** The SSIM that nine pairs of ten reach. */
  readonly p10: number;
  /** Share of pairs whose picture became another one: SSIM below 0.7. */
  readonly otherPicture: number;
  /** Pairs of a prompt and a seed that were drawn. */
  readonly pairs: number;
  /** Multiply-accumulates over the whole model's. */
  readonly cost: number;
  /** Whether it was measured with the sampler, the steps and the guidance of this run: else it says nothing of it. */
  readonly isOfThisRun: boolean;
}

/** What of a run it must have been measured with. */
interface MeasuredRun {
  /** The sampler's short name. */
  readonly scheduler: string;
  /** Steps of the schedule. */
  readonly numInferenceSteps: number;
  /** Guidance weight. */
  readonly guidanceScale: number;
}

/** Reads a plan's calibration as `phaseskip plan` writes it; undefined where it has none, or one of another form. */
export function measuredKeep(
  { calibration, steps }: Pick<Plan, "calibration" | "steps">,
  run: MeasuredRun,
): MeasuredKeep | undefined {
  const { test, sampler, cost } = fieldsOf(calibration);
  const { mean, interval, p10, otherPicture, pairs } = fieldsOf(test);
  const numbers = [mean, p10, otherPicture, pairs, cost];
  if (!numbers.every(Number.isFinite)) return undefined;
  const measured = { ...fieldsOf(sampler), ...fieldsOf(steps) };
  const isOfThisRun =
    measured["scheduler"] === run.scheduler &&
    measured["numInferenceSteps"] === run.numInferenceSteps &&
    measured["guidanceScale"] === run.guidanceScale;
  const [ssim, ...others] = numbers as number[];
  return {
    ssim: ssim!,
    ...(isInterval(interval) && { interval }),
    p10: others[0]!,
    otherPicture: others[1]!,
    pairs: others[2]!,
    cost: others[3]!,
    isOfThisRun,
  };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function isInterval(value: unknown): value is readonly [number, number] {
  return (
    Array.isArray(value) && value.length === 2 && value.every(Number.isFinite)
  );
}
