// Spectrum's plan: at most steps nothing of the Unet runs; its output is forecast from the last ones computed.
//
// paper (arXiv 2603.01623), stable-diffusion.cpp   here
// N, window                                        window
// α, flex                                          growth
// M, m: degree of the Chebyshev polynomials        degree
// λ, lam                                           ridge
// w: Chebyshev's share, the rest is a line's       mix
// warmup, stop                                     warmup, stop
// K: values in the history                         values

import type { Plan } from "../plan/plan.js";
import { solve } from "../schedule/solve.js";
import { checkInteger, checkNumber, optionError } from "./check-option.js";
import { makePlan } from "./make-plan.js";
import { checkGrid, stepCount, type StepGrid } from "./step-grid.js";

/** What `spectrum` takes. */
export interface SpectrumOptions extends StepGrid {
  /** After the warm-up, one step of so many is whole at first, rounded down; at least 1. @default 2 */
  readonly window?: number;
  /** By how much the window grows with each whole step after the warm-up; at least 0. @default 0.5 */
  readonly growth?: number;
  /** Degree of the Chebyshev polynomials, in [1, 5]. @default 3 */
  readonly degree?: number;
  /** Weight of the coefficients' squares in the fit; above 0, or the fit may have no solution. @default 1 */
  readonly ridge?: number;
  /** Share of the fitted forecast, in [0, 1]; the rest is half a step along the last two values' line. @default 0.4 */
  readonly mix?: number;
  /** Whole steps at the start, at least 2. @default 4 */
  readonly warmup?: number;
  /** From this share of the steps on all are whole; in (0, 1]. @default 0.9 */
  readonly stop?: number;
  /** Values that are fitted, the last ones computed, in [2, 6]. @default 6 */
  readonly values?: number;
}

/**
 * Spectrum (Han et al.: *Adaptive Spectral Feature Forecasting for Diffusion Sampling Acceleration*, arXiv 2603.01623, CVPR
 * 2026), with the defaults that stable-diffusion.cpp has for Unets: the Unet's output as a function of time, Chebyshev
 * polynomials by ridge regression over the last values computed, mixed with a line. Steps count from −1 to 1 over the run.
 *
 * The paper's result: FLUX.1 4.79 times as fast and Wan2.1-14B 4.67 times, nearly without loss.
 *
 * @throws {RangeError} If an option is out of range, or no step would be left out
 */
export function spectrum({
  window = 2,
  growth = 0.5,
  degree = 3,
  ridge = 1,
  mix = 0.4,
  warmup = 4,
  stop = 0.9,
  values = 6,
  ...grid
}: SpectrumOptions): Plan {
  const name = "Spectrum";
  checkGrid(name, grid);
  const count = stepCount(grid);
  checkNumber(name, "window", window, 1);
  checkNumber(name, "growth", growth, 0);
  checkInteger(name, "degree", degree, 1, 5);
  checkNumber(name, "ridge", ridge, Number.MIN_VALUE);
  checkNumber(name, "mix", mix, 0, 1);
  checkInteger(name, "warmup", warmup, 2);
  checkNumber(name, "stop", stop, Number.MIN_VALUE, 1);
  checkInteger(name, "values", values, 2, 6);
  const whole = wholeSteps(count, { window, growth, warmup, stop });
  const steps = Array.from({ length: count }, (_, step) => step).filter(
    (step) => !whole.includes(step),
  );
  if (steps.length === 0) {
    const wanted = `must leave a step out before step ${Math.floor(stop * count)}`;
    throw optionError(name, "window, growth, warmup and stop", wanted, {
      ...{ window, growth, warmup, stop, numInferenceSteps: count },
    });
  }
  const history = steps.map((step) =>
    whole
      .filter((other) => other < step)
      .reverse()
      .slice(0, values),
  );
  const place = (step: number) => (2 * step) / count - 1;
  const coefficients = steps.map((step, i) => {
    const fitted = ridgeWeights(
      history[i]!.map(place),
      place(step),
      degree,
      ridge,
    );
    const line = [1.5, -0.5];
    return fitted.map((weight, k) => mix * weight + (1 - mix) * (line[k] ?? 0));
  });
  return makePlan({
    name: `spectrum-${window}-${growth}`,
    rules: [
      {
        ...{ units: [""], action: "forecast", values, coefficients, steps },
        ages: steps.map((step, i) => history[i]!.map((other) => step - other)),
        refresh: { at: whole },
      },
    ],
    steps: { numInferenceSteps: grid.numInferenceSteps },
  });
}

/** The steps at which the whole Unet runs: every one of the warm-up, and then the last of each window. */
function wholeSteps(
  count: number,
  options: Required<
    Pick<SpectrumOptions, "window" | "growth" | "warmup" | "stop">
  >,
): number[] {
  const end = Math.floor(options.stop * count);
  const whole: number[] = [];
  let { window } = options;
  let skipped = 0;
  for (let step = 0; step < count; step++) {
    const isInside = step >= options.warmup && step < end;
    if (isInside && (skipped + 1) % Math.floor(window) !== 0) {
      skipped += 1;
      continue;
    }
    whole.push(step);
    skipped = 0;
    if (step >= options.warmup) window += options.growth;
  }
  return whole;
}

/** What each value counts in the forecast by Chebyshev polynomials that ridge regression fits to all of them. */
function ridgeWeights(
  places: readonly number[],
  at: number,
  degree: number,
  ridge: number,
): number[] {
  const terms = (x: number) => {
    const all = [1, x];
    while (all.length <= degree) all.push(2 * x * all.at(-1)! - all.at(-2)!);
    return all;
  };
  const rows = places.map(terms);
  const wanted = terms(at);
  const normal = wanted.map((_, i) =>
    wanted.map((__, j) =>
      rows.reduce((sum, row) => sum + row[i]! * row[j]!, i === j ? ridge : 0),
    ),
  );
  const weights = solve(normal, wanted);
  return rows.map((row) =>
    row.reduce((sum, term, i) => sum + term * weights[i]!, 0),
  );
}
