// Which kept values a forecast adds up at a step, and what each counts.

import type { Forecast } from "../plan/plan.js";
import { basisCoefficients, lagrange } from "./forecast-basis.js";
import type { Computed } from "./refresh.js";

/** A sum of kept values. */
export interface ForecastSum {
  /** Where they were computed, newest first. */
  readonly points: readonly Computed[];
  /** What each is multiplied by. */
  readonly coefficients: readonly number[];
  /** Whether the table has no row for these values, and the polynomial through them takes its place. */
  readonly isStandIn: boolean;
}

/** The run that a forecast is made in. */
export interface ForecastRun {
  /** The step, on the run's own steps. */
  readonly at: Computed;
  /** Steps of the sampler's grid that come before the run: above 0 where an image is the start. */
  readonly startIndex: number;
  /** Timesteps of the training. */
  readonly numTrainTimesteps: number;
}

/**
 * A forecast at a step. Where a run starts later on the grid, values were computed at other steps than in a whole run:
 * what a table does not foresee there is forecast by the polynomial through as many values.
 *
 * @param known where the value was computed, newest first; at least once
 * @returns why not, in words, where a whole run is not what its table was made for
 */
export function forecastSum(
  forecast: Forecast,
  known: readonly Computed[],
  { at, startIndex, numTrainTimesteps }: ForecastRun,
): ForecastSum | string {
  const points = known.slice(0, forecast.values);
  if ("basis" in forecast) {
    const { basis } = forecast;
    const coefficients = basisCoefficients(
      basis,
      points,
      at,
      numTrainTimesteps,
    );
    return { points, coefficients, isStandIn: false };
  }
  const step = startIndex + at.stepIndex;
  const row = forecast.steps.indexOf(step);
  const coefficients = forecast.coefficients[row] ?? [];
  const used = known.slice(0, coefficients.length);
  const found = used.map(({ stepIndex }) => at.stepIndex - stepIndex);
  const wanted = forecast.ages?.[row] ?? found;
  const fits =
    row >= 0 &&
    used.length === coefficients.length &&
    wanted.every((age, i) => age === found[i]);
  if (fits) return { points: used, coefficients, isStandIn: false };
  if (startIndex > 0) {
    const nodes = points.map(({ timestep }) => timestep);
    const through = lagrange(nodes, at.timestep);
    return { points, coefficients: through, isStandIn: true };
  }
  if (row < 0)
    return "for which it has no row of coefficients: give it one, or refresh the value there";
  if (used.length < coefficients.length)
    return `where its coefficients are for ${coefficients.length} kept values: computed so far are ${used.length}`;
  return `where its coefficients are for values kept ${wanted.join(" and ")} steps before: those at hand were ${found.join(" and ")}`;
}
