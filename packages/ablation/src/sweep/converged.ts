// The converged path: the same model from the same noise on so fine a grid that a finer one changes nothing. A cache
// on a coarse grid inherits that grid's own error; against this path, both are told apart.

import { ssim } from "@phaseskip/metrics";
import type { Study, StudyDraw } from "@phaseskip/runtime/internals";
import type { ConvergedRow } from "../cells/cells.js";
import type { Subject } from "./measure.js";
import type { PathEnd } from "./reference.js";
import { endEffect } from "./reference.js";

/**
 * What draws the path. Trailing spacing reaches every timestep of the training, whatever offset the model's own has.
 */
export const convergedSampler = Object.freeze({
  scheduler: "ddim",
  spacing: "trailing",
} as const);

/** A path has converged where it agrees with that of half as many steps to this SSIM. */
export const leastAgreement = 0.99;

/** What converged paths are run with. */
export interface ConvergedParts {
  /** Steps of the path; half as many are run beside it. */
  readonly steps: number;
  /** Opens the model under DDIM with a number of steps; it is closed here. */
  readonly open: (steps: number) => Promise<Study>;
  /** What a pair draws. */
  readonly drawOf: (pair: Subject["pair"]) => StudyDraw;
  /** Called after each call of the Unet. */
  readonly onStep: () => void;
}

/** Runs the converged path of every pair, and gives its end to the pair's reference. */
export async function measureConverged(
  parts: ConvergedParts,
  subjects: readonly Subject[],
): Promise<ConvergedRow[]> {
  const ends = await pathEnds(parts, parts.steps, subjects);
  const halves = await pathEnds(parts, Math.floor(parts.steps / 2), subjects);
  return subjects.map(({ index, reference }, i) => {
    const end = ends[i]!;
    reference.converged = end;
    return {
      converged: `converged/${String(index).padStart(4, "0")}`,
      pair: index,
      agreement: ssim(end.picture, halves[i]!.picture),
      ...endEffect(reference, end),
    };
  });
}

async function pathEnds(
  { open, drawOf, onStep }: ConvergedParts,
  steps: number,
  subjects: readonly Subject[],
): Promise<PathEnd[]> {
  const study = await open(steps);
  try {
    await study.prepare([]);
    const ends: PathEnd[] = [];
    for (const { pair } of subjects) {
      const run = await study.begin(drawOf(pair));
      try {
        const { length } = study.scheduler.timesteps;
        const end = await run.advance(run.start(), length, { onStep });
        ends.push({
          sample: end.sample,
          picture: await study.picture(end.sample),
        });
      } finally {
        run.dispose();
      }
    }
    return ends;
  } finally {
    await study.dispose();
  }
}
