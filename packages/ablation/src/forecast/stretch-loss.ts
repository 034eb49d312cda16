// What skipping whole calls of the Unet loses, before any picture is drawn: how far a fitted forecast of its output errs,
// by the inner products of whole runs, times what a random change of that size does to the picture, by a sweep's responses.

import { mean } from "@phaseskip/metrics";
import type { ResponseRow } from "../cells/cells.js";
import { responseAt } from "../sweep/response.js";
import type { StretchLoss } from "./computed-steps.js";
import type { InnerProducts } from "./fit-forecast.js";
import { forecastError, totalProducts } from "./fit-forecast.js";

/** Errors of the steps of a stretch point the same way: together they do what one as large as their sum does. */
const power = 2;

/**
 * Says of a stretch what it loses: predicted `1 − SSIM`.
 *
 * @param runs inner products of the Unet's output, one for each run of the whole model
 * @param timesteps of the run's steps
 * @param responses of a sweep on the same grid
 */
export function stretchLoss(
  runs: readonly InnerProducts[],
  timesteps: readonly number[],
  responses: readonly ResponseRow[],
): StretchLoss {
  const products = totalProducts(runs);
  const windows = responseWindows(responses);
  return (from, next) => {
    const errors = new Map<ResponseWindow, number>();
    for (let step = from[0]! + 1; step < next; step++) {
      const window = windows.find(
        ({ firstStep, endStep }) => firstStep <= step && step < endStep,
      );
      if (!window) continue;
      const error = forecastError({ step, from }, products, timesteps);
      errors.set(window, (errors.get(window) ?? 0) + error / window.length);
    }
    return [...errors].reduce(
      (sum, [window, error]) => sum + lossAt(window, error),
      0,
    );
  };
}

/** What was measured of the sampler in one window. */
interface ResponseWindow {
  readonly firstStep: number;
  readonly endStep: number;
  readonly length: number;
  /** By pair: norms, and the `1 − SSIM` of each. */
  readonly curves: readonly (readonly { norm: number; effect: number }[])[];
}

function responseWindows(rows: readonly ResponseRow[]): ResponseWindow[] {
  const byWindow = new Map<number, ResponseRow[]>();
  for (const row of rows) {
    if (row.window.kind !== "single") continue;
    const { firstStep } = row.window;
    byWindow.set(firstStep, [...(byWindow.get(firstStep) ?? []), row]);
  }
  return [...byWindow.values()].map((own) => {
    const { firstStep, endStep } = own[0]!.window;
    const pairs = new Set(
      own.flatMap(({ effects }) => effects.map(({ pair }) => pair)),
    );
    const curves = [...pairs].map((pair) =>
      own.flatMap(({ effects }) =>
        effects
          .filter((effect) => effect.pair === pair)
          .map(({ norm, ssim }) => ({ norm, effect: 1 - ssim })),
      ),
    );
    return { firstStep, endStep, length: endStep - firstStep, curves };
  });
}

function lossAt({ curves }: ResponseWindow, error: number): number {
  return mean(curves.map((curve) => responseAt(curve, error, power) ?? 0));
}
