// How far a search is: pictures of the search and the choice against their budget, then each test by itself.

import type { SplitName } from "@phaseskip/ablation";
import type { Progress } from "./progress.js";

/** What a search is told to draw. */
export interface PictureBudget {
  /** Pictures of the search and validation splits. */
  readonly evaluations: number;
  /** Pictures of one test. */
  readonly perTest: number;
}

/**
 * Shows each picture that is drawn, with the time that the present stage still takes. Pictures that a killed run has
 * left are counted and not timed.
 *
 * @param now the time in ms
 * @returns to be told of each picture: of which split, and whether it was there before
 */
export function pictureProgress(
  shown: Progress,
  { evaluations, perTest }: PictureBudget,
  now: () => number = () => performance.now(),
): (split: SplitName, isKnown: boolean) => void {
  let searched = 0;
  let tested = 0;
  let stage = "";
  let drawn = 0;
  let last = now();
  let begun = last;
  return (split, isKnown) => {
    const isTest = split === "test";
    if (isTest) tested++;
    else searched++;
    const done = isTest ? ((tested - 1) % perTest) + 1 : searched;
    const total = isTest ? perTest : Math.max(evaluations, searched);
    // the plan is the first, rivals follow
    const label = isTest ? `test ${Math.ceil(tested / perTest)}` : "pictures";
    if (label !== stage) {
      stage = label;
      drawn = 0;
      begun = last;
    }
    last = now();
    if (isKnown) begun = last;
    else drawn++;
    const left = drawn && ((last - begun) / drawn) * (total - done);
    const most = isTest ? "" : "at most ";
    const note = drawn > 0 ? `${most}${Math.ceil(left / 60_000)} min left` : "";
    shown.show(label, done, total, note);
  };
}
