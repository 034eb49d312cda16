// Least squares for forecasts: at each step, what the kept values count so that their sum comes closest to the value.
//
// With y the value at the step and X the kept ones, over all elements of all runs:
//   c = c₀ + (XᵀX + ρ·s·I)⁻¹·Xᵀ(y − X·c₀),   s = trace(XᵀX) ÷ values
// c₀ is the line through the last two values, which the ridge ρ leads back to. All that is needed of the runs are inner
// products between steps: no trajectory is kept.

import { leastSquares } from "./least-squares.js";

/** Inner products between the values of a run's steps: `products[i · steps + j] = ⟨yᵢ, yⱼ⟩`. */
export interface InnerProducts {
  /** Steps of the run. */
  readonly steps: number;
  /** `[step, step]`, row-major, symmetric. */
  readonly products: Float64Array;
}

/** A step that forecasts, and the steps whose values it adds up. */
export interface ForecastStep {
  /** The step's index. */
  readonly step: number;
  /** Indices of the steps that computed the values, newest first. */
  readonly from: readonly number[];
}

/** A fit. */
export interface FittedForecast {
  /** For each step what each value counts, newest first. */
  readonly coefficients: readonly (readonly number[])[];
  /** The ridge chosen on runs held out; infinite where the line through two values is best. */
  readonly ridge: number;
  /** On runs held out: the error's norm over the value's, all steps together. */
  readonly error: number;
  /** The same of the last value standing still. */
  readonly standsStill: number;
  /** Whether it may be used: noise, however well it is forecast, must not be. */
  readonly isUsable: boolean;
}

const defaultRidges = [
  1e-12,
  1e-9,
  1e-8,
  1e-7,
  1e-6,
  1e-5,
  1e-4,
  1e-3,
  Infinity,
];

/**
 * White noise around any mean, forecast as well as it can be, keeps 1/√2 of the error of standing still: what comes
 * near that has nothing to forecast.
 */
const mostOfStandingStill = 0.95 * Math.SQRT1_2;

const mostFolds = 4;

/** Where a fit is only to say what it errs by: enough for products that are nearly singular. */
const surveyRidge = 1e-8;

/**
 * Fits a forecast.
 *
 * @param steps what is to be forecast from what
 * @param runs inner products, one for each run, of the same value; at least 2
 * @param timesteps of the run's steps
 * @param ridges to choose from. @default from 1e-12 to the line through two values
 * @throws {RangeError} If there are fewer than 2 runs: none could be held out
 */
export function fitForecast(
  steps: readonly ForecastStep[],
  runs: readonly InnerProducts[],
  timesteps: readonly number[],
  ridges: readonly number[] = defaultRidges,
): FittedForecast {
  if (runs.length < 2) {
    throw new RangeError(
      `Cannot fit a forecast as at least one of 2 or more runs must be held out: there are ${runs.length}`,
    );
  }
  const folds = Math.min(mostFolds, runs.length);
  const errors = ridges.map(() => 0);
  let [still, size] = [0, 0];
  for (let fold = 0; fold < folds; fold++) {
    const kept = totalProducts(runs.filter((_, i) => i % folds !== fold));
    const held = totalProducts(runs.filter((_, i) => i % folds === fold));
    for (const one of steps) {
      ridges.forEach((ridge, i) => {
        const found = fitStep(one, kept, timesteps, ridge);
        errors[i]! += squaredError(one, found, held);
      });
      still += squaredError(one, [1], held);
      size += held.products[one.step * held.steps + one.step]!;
    }
  }
  const best = errors.reduce((min, e, i) => (e < errors[min]! ? i : min), 0);
  const all = totalProducts(runs);
  const [error, standsStill] = [errors[best]!, still].map((sum) =>
    Math.sqrt(sum / size),
  ) as [number, number];
  return {
    coefficients: steps.map((one) =>
      fitStep(one, all, timesteps, ridges[best]!),
    ),
    ridge: ridges[best]!,
    error,
    standsStill,
    isUsable: error <= mostOfStandingStill * standsStill,
  };
}

/**
 * What a step's best forecast errs by on the runs that it is fitted on: the error's norm over the value's.
 * @param products of the value, over all runs together
 */
export function forecastError(
  one: ForecastStep,
  products: InnerProducts,
  timesteps: readonly number[],
): number {
  const found = fitStep(one, products, timesteps, surveyRidge);
  const size = products.products[one.step * products.steps + one.step]!;
  return size > 0 ? Math.sqrt(squaredError(one, found, products) / size) : 0;
}

/** Coefficients of one step. */
function fitStep(
  { step, from }: ForecastStep,
  { steps, products }: InnerProducts,
  timesteps: readonly number[],
  ridge: number,
): number[] {
  const line = lineThrough(from, step, timesteps);
  if (ridge === Infinity) return line;
  const at = (i: number, j: number) => products[i * steps + j]!;
  const matrix = from.map((i) => from.map((j) => at(i, j)));
  const right = from.map(
    (i) =>
      at(i, step) - from.reduce((sum, j, k) => sum + at(i, j) * line[k]!, 0),
  );
  const trace = from.reduce((sum, i) => sum + at(i, i), 0);
  const change = leastSquares(matrix, right, (ridge * trace) / from.length);
  return line.map((value, k) => value + change[k]!);
}

/** What the values count in the line through the last two. */
function lineThrough(
  from: readonly number[],
  step: number,
  timesteps: readonly number[],
): number[] {
  const [newest, before] = from.map((i) => timesteps[i]!);
  const slope =
    before === undefined || newest === before
      ? 0
      : (timesteps[step]! - newest!) / (newest! - before);
  return from.map((_, k) => (k === 0 ? 1 + slope : k === 1 ? -slope : 0));
}

/** `‖y − X·c‖²`. */
function squaredError(
  { step, from }: ForecastStep,
  coefficients: readonly number[],
  { steps, products }: InnerProducts,
): number {
  const terms = [[step, 1], ...coefficients.map((c, k) => [from[k]!, -c])];
  let sum = 0;
  for (const [i, a] of terms as [number, number][])
    for (const [j, b] of terms as [number, number][])
      sum += a * b * products[i * steps + j]!;
  return Math.max(0, sum);
}

/** Inner products over several runs. */
export function totalProducts(runs: readonly InnerProducts[]): InnerProducts {
  const { steps, products } = runs[0]!;
  const sum = new Float64Array(products.length);
  for (const run of runs) run.products.forEach((x, i) => (sum[i]! += x));
  return { steps, products: sum };
}
