// Faster Diffusion: the encoder runs at key steps, the decoder at all.
//
// paper (arXiv 2312.09608)   here
// key time-steps t^key       keySteps, by step index
// E(·), kept                 all skips, and the middle block's output
// α and τ, prior noise       priorNoise and priorNoiseBelow

import type { Plan } from "../plan/plan.js";
import { checkNumber, optionError } from "./check-option.js";
import { makePlan } from "./make-plan.js";

/** What `fasterDiffusion` takes. */
export interface FasterDiffusionOptions {
  /** Step indices at which the encoder runs; 0 is among them. @default 0, 1, 2, 3, 5, 10, 15, 25, 35: the paper's, for 50 steps */
  readonly keySteps?: readonly number[];
  /** The block between encoder and decoder; `middle_block` with ADM's names. @default "mid_block" */
  readonly middle?: string;
  /**
   * How much of the initial noise is added to the sample before each late step; the paper takes 0.003.
   * @default 0
   */
  readonly priorNoise?: number;
  /** The timestep below which it is added. @default 500 */
  readonly priorNoiseBelow?: number;
}

/**
 * Faster Diffusion (Li et al.: *Faster Diffusion: Rethinking the Role of the Encoder for Diffusion Model Inference*, arXiv
 * 2312.09608): encoder propagation, one key step after the other, with prior noise injection.
 *
 * The paper's result: sampling takes 41 % less time with Stable Diffusion, 24 % less with
 * DeepFloyd-IF, its parallel decoder included, which is not done here.
 *
 * @throws {RangeError} If step 0 is no key step, or an option is out of range
 */
export function fasterDiffusion({
  keySteps = [0, 1, 2, 3, 5, 10, 15, 25, 35],
  middle = "mid_block",
  priorNoise = 0,
  priorNoiseBelow = 500,
}: FasterDiffusionOptions = {}): Plan {
  const at = [...new Set(keySteps)].sort((a, b) => a - b);
  if (at[0] !== 0 || !at.every(Number.isInteger)) {
    throw optionError(
      "Faster Diffusion",
      "keySteps",
      "must be step indices, 0 among them",
      keySteps,
    );
  }
  checkNumber("Faster Diffusion", "priorNoise", priorNoise, 0);
  checkNumber("Faster Diffusion", "priorNoiseBelow", priorNoiseBelow, 0);
  const injects = priorNoise > 0 && priorNoiseBelow > 0;
  return makePlan({
    name: "faster-diffusion",
    phases: injects ? [{ name: "late", from: priorNoiseBelow, to: 0 }] : [],
    rules: [{ units: [middle, "**.skip"], action: "reuse", refresh: { at } }],
    ...(injects && { priorNoise: { weight: priorNoise, phases: ["late"] } }),
  });
}
