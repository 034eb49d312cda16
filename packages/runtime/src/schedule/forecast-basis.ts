// Forecasts as sums of kept values: what each value counts, from the places where they were computed. Every rule here
// gives coefficients that add up to 1, so a value that stands still is forecast exactly.
//
// papers                              here
// F_t, its finite differences Δⁱ F    values, newest first; backward differences
// polynomial of degree n − 1          lagrange
// Hermite, contracted (HiCache)       hermite
// Chebyshev ridge (Spectrum)          chebyshev
// Adams–Bashforth, BDF (FoCa)         integrals and derivatives of polynomials through backward slopes

import type { ForecastBasis } from "../plan/plan.js";
import { solve } from "./solve.js";
import type { Computed } from "./refresh.js";

/** A place on a run's grid. */
export type GridPoint = Computed;

/**
 * What each kept value counts.
 *
 * @param points where the values were computed, newest first, each at a timestep of its own
 * @param at where the value is wanted
 * @param numTrainTimesteps timesteps of the training: Chebyshev's interval
 */
export function basisCoefficients(
  basis: ForecastBasis,
  points: readonly GridPoint[],
  at: GridPoint,
  numTrainTimesteps: number,
): number[] {
  const nodes = points.map(({ timestep }) => timestep);
  const t = at.timestep;
  // a sampler may hand the Unet one timestep twice
  if (points.length === 1 || t === nodes[0])
    return nodes.map((_, i) => (i === 0 ? 1 : 0));
  switch (basis) {
    case "taylor":
      return lagrange(nodes, t);
    case "hermite":
      return hermite(points, at);
    case "chebyshev":
      return chebyshev(nodes, t, numTrainTimesteps);
    case "adams-bashforth":
      return adamsBashforth(nodes, t);
    case "bdf":
      return bdf(nodes, t);
    default:
      return basis satisfies never;
  }
}

/** By how much each of a polynomial's values at these nodes counts at another place. */
export function lagrange(nodes: readonly number[], t: number): number[] {
  return nodes.map((node) =>
    nodes.reduce(
      (product, other) =>
        other === node ? product : (product * (t - other)) / (node - other),
      1,
    ),
  );
}

/** Backward slopes, newest first: each is of two neighbouring values, as a row of what every value counts in it. */
function slopes(nodes: readonly number[]): number[][] {
  return nodes.slice(1).map((before, i) => {
    const weight = 1 / (nodes[i]! - before);
    return nodes.map((_, k) => (k === i ? weight : k === i + 1 ? -weight : 0));
  });
}

/** `Σ weight·row`. */
function combined(
  weights: readonly number[],
  rows: readonly (readonly number[])[],
): number[] {
  return rows[0]!.map((_, k) =>
    weights.reduce((sum, weight, i) => sum + weight * rows[i]![k]!, 0),
  );
}

/**
 * HiCache (arXiv 2508.16984): `Σ Δⁱ/i!·H̃ᵢ(x)` with `H̃ᵢ(x) = σⁱ·Hᵢ(σ·x)`, σ = 0.5, x in steps; differences as TaylorSeer
 * takes them, each over the gap between the steps that computed.
 */
function hermite(points: readonly GridPoint[], at: GridPoint): number[] {
  const sigma = 0.5;
  const steps = points.map(({ stepIndex }) => stepIndex);
  const x = sigma * (at.stepIndex - steps[0]!);
  let differences = steps.map((_, i) => steps.map((__, k) => +(i === k)));
  let [before, now, scale] = [0, 1, 1];
  const result = steps.map(() => 0);
  for (let order = 0; order < steps.length; order++) {
    differences[0]!.forEach((d, k) => (result[k]! += scale * now * d));
    // Hₙ₊₁ = 2x·Hₙ − 2n·Hₙ₋₁
    [before, now] = [now, 2 * x * now - 2 * order * before];
    scale *= sigma / (order + 1);
    differences = differences
      .slice(1)
      .map((old, i) =>
        old.map(
          (d, k) => (differences[i]![k]! - d) / (steps[i]! - steps[i + 1]!),
        ),
      );
  }
  return result;
}

/**
 * Spectrum (arXiv 2603.01623): Chebyshev polynomials of the timestep, as many as there are values, fitted by ridge
 * regression with λ = 0.1. The constant goes free of the ridge: with so few values it would shrink the value itself.
 */
function chebyshev(
  nodes: readonly number[],
  t: number,
  numTrainTimesteps: number,
): number[] {
  const ridge = 0.1;
  const terms = (timestep: number) => {
    const x = (2 * timestep) / numTrainTimesteps - 1;
    const all = [1, x];
    while (all.length < nodes.length)
      all.push(2 * x * all.at(-1)! - all.at(-2)!);
    return all;
  };
  const rows = nodes.map(terms);
  const normal = nodes.map((_, i) =>
    nodes.map(
      (__, j) =>
        rows.reduce((sum, row) => sum + row[i]! * row[j]!, 0) +
        (i === j && i > 0 ? ridge : 0),
    ),
  );
  const weights = solve(normal, terms(t));
  return rows.map((row) =>
    row.reduce((sum, term, i) => sum + term * weights[i]!, 0),
  );
}

/** The newest value and the integral from there of the polynomial through the backward slopes. */
function adamsBashforth(nodes: readonly number[], t: number): number[] {
  const starts = nodes.slice(0, -1);
  const weights = starts.map((_, i) => integral(starts, i, nodes[0]!, t));
  const steps = combined(weights, slopes(nodes));
  return steps.map((step, i) => step + (i === 0 ? 1 : 0));
}

/** The integral of Lagrange's polynomial i over these nodes: at most quadratic, where Simpson's rule is exact. */
function integral(
  nodes: readonly number[],
  i: number,
  from: number,
  to: number,
): number {
  const value = (t: number) => lagrange(nodes, t)[i]!;
  return (
    ((to - from) / 6) * (value(from) + 4 * value((from + to) / 2) + value(to))
  );
}

/** The value whose polynomial with the newest ones has, where it is wanted, the slope that the backward slopes lead to. */
function bdf(nodes: readonly number[], t: number): number[] {
  const kept = nodes.slice(0, -1);
  const slope = combined(lagrange(kept, t), slopes(nodes));
  const all = [t, ...kept];
  // derivatives of Lagrange's polynomials over all, at t
  const own = kept.reduce((sum, node) => sum + 1 / (t - node), 0);
  const others = kept.map((node, i) => {
    const rest = kept.filter((_, k) => k !== i);
    return rest.reduce(
      (product, other) => (product * (t - other)) / (node - other),
      1 / (node - t),
    );
  });
  return nodes.map(
    (_, k) => (slope[k]! - (k < all.length - 1 ? others[k]! : 0)) / own,
  );
}
