// How an ancestral step divides: how far it goes down, and how much noise it adds.
//
// Ho et al. 2020 (arXiv 2006.11239), section 3.2, in the variance-exploding form of k-diffusion.

import { sqrt32 } from "../float32.js";

const f = Math.fround;

/** A step down followed by noise. */
export interface AncestralStep {
  /** Sigma to go down to. */
  readonly down: number;
  /** Standard deviation of the noise to add. */
  readonly up: number;
}

/** The step from one sigma to the next, float32 values. */
export function ancestralStep(sigma: number, nextSigma: number): AncestralStep {
  const [from, to] = [f(sigma * sigma), f(nextSigma * nextSigma)];
  const up = sqrt32(f(f(to * f(from - to)) / from));
  return { up, down: sqrt32(f(to - f(up * up))) };
}
