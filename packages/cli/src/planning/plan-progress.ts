// How far a search is: pictures of the search and the choice against their budget, then each test by itself.

import type { SplitName } from "@phaseskip/ablation";
import type { Progress } from "../terminal/progress.js";

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
  /** Of the pictures of the full model that are missing, so many were drawn. */
  readonly full: (done: number, total: number) => void;
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
  let begun = 0;
  const show = (
    label: string,
    done: number,
    total: number,
    { isKnown = false, most = "" } = {},
  ) => {
    if (label !== stage || isKnown) {
      stage = label;
      drawn = 0;
    }
    if (!isKnown) drawn++;
    // what comes before the first picture of a stage is not of it
    if (drawn <= 1) begun = now();
    const left = ((now() - begun) / (drawn - 1)) * (total - done);
    const note = drawn > 1 ? `${most}${Math.ceil(left / 60_000)} min left` : "";
    shown.show(label, done, total, note);
  };
  return {
    begin: (label) => {
      searching = label;
      searched = 0;
    },
    full: (done, total) => show("full model", done, total),
    picture: (split, isKnown) => {
      if (split !== "test") {
        searched++;
        const total = Math.max(evaluations, searched);
        show(searching, searched, total, { isKnown, most: "at most " });
        return;
      }
      tested++;
      // the plan is the first, rivals follow
      const label = `test ${Math.ceil(tested / perTest)}`;
      show(label, ((tested - 1) % perTest) + 1, perTest, { isKnown });
    },
  };
}
