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

/** Told how far a search is. */
export interface PictureProgress {
  /** The search begins anew, for this one: a rival gets the same budget of pictures. */
  readonly begin: (label: string) => void;
  /** A picture of a split was drawn, or was there before. */
  readonly picture: (split: SplitName, isKnown: boolean) => void;
}

/**
 * Shows each picture that is drawn, with the time that the present stage still takes. Pictures that a killed run has
 * left are counted and not timed.
 *
 * @param now the time in ms
 */
export function pictureProgress(
  shown: Progress,
  { evaluations, perTest }: PictureBudget,
  now: () => number = () => performance.now(),
): PictureProgress {
  let searching = "pictures";
  let searched = 0;
  let tested = 0;
  let stage = "";
  let drawn = 0;
  let last = now();
  let begun = last;
  const picture = (split: SplitName, isKnown: boolean) => {
    const isTest = split === "test";
    if (isTest) tested++;
    else searched++;
    const done = isTest ? ((tested - 1) % perTest) + 1 : searched;
    const total = isTest ? perTest : Math.max(evaluations, searched);
    // the plan is the first, rivals follow
    const label = isTest ? `test ${Math.ceil(tested / perTest)}` : searching;
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
  const begin = (label: string) => {
    searching = label;
    searched = 0;
  };
  return { begin, picture };
}
