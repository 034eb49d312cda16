// Whether both contexts of an image go through the Unet in one call, as rows of an export that is fixed to an even batch:
// so such exports were meant, and so each call is full.

import type { ScheduledContext } from "../schedule/scheduled-context.js";
import type { Schedule } from "../schedule/scheduled.js";

/**
 * Whether a run pairs its contexts: where both do the same with values of their own at every step that has both, and that
 * takes no more calls. At a step with `cond` alone the other rows go along, and nothing reads what they give.
 * @param batch samples that the export is fixed to, an even number
 * @param images samples of the run
 */
export function pairsContexts(
  batch: number,
  images: number,
  { steps, adaptive }: Pick<Schedule, "steps" | "adaptive">,
): boolean {
  if (adaptive) return false;
  const counts = steps.map(({ contexts }) => contexts.length);
  if (!counts.includes(2) || counts.some((count) => count > 2)) return false;
  const apart = counts.reduce((sum, count) => sum + count, 0);
  return (
    Math.ceil(images / (batch / 2)) * steps.length <=
      Math.ceil(images / batch) * apart &&
    steps.every(({ contexts: [cond, uncond] }) => {
      const acts = actsOf(cond!);
      // what is a mean of both contexts, or the other's, is no row of its own
      if (/"mean |(value|difference) uncond /.test(acts)) return false;
      const own = /(?<=value|difference) uncond /g;
      return !uncond || acts === actsOf(uncond).replaceAll(own, " cond ");
    })
  );
}

/** What a context does. It keeps and drops what these reads need: `cond`'s, which are at least the other's. */
function actsOf({ signature, reads }: ScheduledContext): string {
  return JSON.stringify([signature, [...reads]]);
}
