// Which weights are read at once: those that lie side by side in a file, as an exporter writes hundreds of small ones.

import type { WeightPlacement } from "@phaseskip/graph";

/** A weight in a file, and where it goes. */
export interface FiledWeight {
  readonly placement: WeightPlacement;
  /** The file's path in the model folder. */
  readonly path: string;
  /** First byte. */
  readonly offset: number;
  /** Number of bytes. */
  readonly length: number;
}

/** Bytes of one file, and the weights in them. */
export interface WeightRun {
  readonly path: string;
  readonly offset: number;
  length: number;
  readonly weights: FiledWeight[];
}

/** Bytes between two weights that are read for nothing: no more than aligning to a page leaves. */
const gap = 1 << 12;

/**
 * Joins weights to runs.
 * @param most bytes of a run; one weight may exceed it
 * @returns by file, and in it from front to back
 */
export function weightRuns(
  weights: readonly FiledWeight[],
  most: number,
): WeightRun[] {
  const sorted = weights.toSorted((a, b) =>
    a.path === b.path ? a.offset - b.offset : a.path < b.path ? -1 : 1,
  );
  const runs: WeightRun[] = [];
  for (const weight of sorted) {
    const { path, offset, length } = weight;
    const run = runs.at(-1);
    const end = run ? run.offset + run.length : 0;
    const joined = run ? Math.max(run.length, offset + length - run.offset) : 0;
    if (run?.path === path && offset <= end + gap && joined <= most) {
      run.length = joined;
      run.weights.push(weight);
    } else runs.push({ path, offset, length, weights: [weight] });
  }
  return runs;
}
