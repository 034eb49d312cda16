// Quantiles of the symmetric beta distribution that beta sigmas follow, as
// `scipy.stats.beta.ppf(p, 0.6, 0.6)`.
//
//   Lee et al. 2024 (arXiv 2407.12173)        here
//   α = β = 0.6                               SHAPE
//   B(x; α, β), incomplete beta function      incompleteBeta

const SHAPE = 0.6;

/**
 * The number that a beta-distributed one lies below with a given probability. By bisection, to
 * the last bit or two.
 *
 * @param probability in [0, 1]
 * @returns a number in [0, 1]
 */
export function betaQuantile(probability: number): number {
  if (probability > 0.5) return 1 - betaQuantile(1 - probability);
  const wanted = 2 * probability * incompleteBeta(0.5);
  let [low, high] = [0, 0.5];
  for (;;) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) return high;
    if (incompleteBeta(middle) < wanted) low = middle;
    else high = middle;
  }
}

/** The integral of `t^(α−1) · (1−t)^(β−1)` from 0 to x ≤ 0.5, by its power series. */
function incompleteBeta(x: number): number {
  let [term, sum] = [1, 1 / SHAPE];
  for (let n = 1; term > 1e-18; n++) {
    term *= ((n - SHAPE) / n) * x;
    sum += term / (SHAPE + n);
  }
  return x ** SHAPE * sum;
}
