// T-GATE: cross-attention plans the picture's meaning in the first steps, and is kept from a step on.
//
// paper (arXiv 2404.02747)            here
// gate step m                         gateStep
// cross-attention map kept, the mean
// over both contexts                  reuse of the value "mean"
// k and l, self-attention intervals   selfAttention.before and selfAttention.after
// w, warm-up                          selfAttention.warmUp

import type { Plan, Rule } from "../plan/plan.js";
import { checkInteger } from "./check-option.js";
import { makePlan } from "./make-plan.js";
import {
  checkGrid,
  phaseOfSteps,
  stepCount,
  type StepGrid,
} from "./step-grid.js";

/** What `tGate` takes. */
export interface TGateOptions extends StepGrid {
  /** Steps with guidance and cross-attention; from then on both are off. In `[1, numInferenceSteps − 1]`. @default 10 */
  readonly gateStep?: number;
  /** How often self-attention is computed. @default at every step */
  readonly selfAttention?: SelfAttentionIntervals;
}

/** How often self-attention is computed. */
export interface SelfAttentionIntervals {
  /** Before the gate step, at the steps that this divides. @default 5 */
  readonly before?: number;
  /** From the gate step on, at the steps that this divides. @default 1 */
  readonly after?: number;
  /** The first step whose value is kept: up to and with it, every step computes. @default 2 */
  readonly warmUp?: number;
}

/**
 * T-GATE (Liu et al.: *Faster Diffusion via Temporal Attention Decomposition*, arXiv 2404.02747): from the gate
 * step on, cross-attention is the mean of both contexts at the last step before it, and guidance is off; self-attention
 * may be computed at some steps only.
 *
 * The authors' table (25 steps, gate step 10; MACs, latency on one GPU, zero-shot FID on 10,000 images of MS-COCO):
 *
 * | model | MACs | latency | FID |
 * | --- | --- | --- | --- |
 * | SD 1.5 | 16.94 T | 7.03 s | 23.93 |
 * | with T-GATE | 9.88 T | 4.31 s | 20.79 |
 * | SDXL | 149.4 T | 53.2 s | 24.63 |
 * | with T-GATE | 84.4 T | 27.9 s | 22.74 |
 *
 * Most of it is guidance: a plan with guidance off and nothing else is the rival.
 *
 * @throws {RangeError} If an option is out of range
 */
export function tGate({
  gateStep = 10,
  selfAttention,
  ...grid
}: TGateOptions): Plan {
  checkGrid("T-GATE", grid);
  const count = stepCount(grid);
  checkInteger("T-GATE", "gateStep", gateStep, 1, count - 1);
  const phase = (name: string, first: number, end: number) =>
    phaseOfSteps("T-GATE", name, grid, first, end);
  const phases = [
    phase("planning", 0, gateStep),
    phase("improving", gateStep, count),
  ];
  const rules: Rule[] = [
    {
      units: ["**.attn2"],
      phases: ["improving"],
      action: "reuse",
      value: "mean",
      refresh: "never",
    },
  ];
  if (selfAttention) {
    const { before = 5, after = 1, warmUp = 2 } = selfAttention;
    checkInteger("T-GATE", "selfAttention.before", before, 1);
    checkInteger("T-GATE", "selfAttention.after", after, 1);
    checkInteger("T-GATE", "selfAttention.warmUp", warmUp, 0);
    const units = ["**.attn1"];
    const steps = (first: number, end: number, interval: number) =>
      Array.from({ length: end - first }, (_, i) => first + i).filter(
        (step) => step % interval === 0,
      );
    const planned = Array.from({ length: gateStep }, (_, step) => step).filter(
      (step) => step <= warmUp || step % before === 0 || step === gateStep - 1,
    );
    if (planned.length < gateStep) {
      rules.push({
        units,
        phases: ["planning"],
        action: "reuse",
        refresh: { at: planned },
      });
    }
    if (after > 1) {
      const fresh = steps(gateStep, count, after);
      const first = fresh[0] ?? count;
      // until it is computed anew, the mean of both contexts at the gate serves
      if (first > gateStep) {
        phases.push(phase("gated", gateStep, first));
        rules.push({
          units,
          phases: ["gated"],
          action: "reuse",
          value: "mean",
          refresh: "never",
        });
      }
      if (first < count) {
        phases.push(phase("renewed", first, count));
        rules.push({
          units,
          phases: ["renewed"],
          action: "reuse",
          refresh: { at: fresh },
        });
      }
    }
  }
  return makePlan({
    name: `t-gate-${gateStep}`,
    phases,
    rules,
    guidance: [{ phases: ["improving"], action: "off" }],
    steps: { numInferenceSteps: grid.numInferenceSteps },
  });
}
