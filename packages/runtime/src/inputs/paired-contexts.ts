// Whether both contexts of an image can go through the Unet in one call, as rows of an export that is fixed to an even
// batch: so such exports were meant, and so each call is full.

import type { ScheduledContext } from "../schedule/scheduled-context.js";
import type { Schedule } from "../schedule/scheduled.js";

/**
 * Whether a run pairs its contexts: where both run at every step, and do the same with values of their own.
 * @param batch samples that the export is fixed to; undefined where it leaves them open
 */
export function pairsContexts(
  batch: number | undefined,
  { steps, adaptive }: Pick<Schedule, "steps" | "adaptive">,
): boolean {
  if (batch === undefined || batch % 2 !== 0 || adaptive) return false;
  return steps.every(({ contexts: [cond, uncond, third] }) => {
    if (!cond || !uncond || third) return false;
    const acts = actsOf(cond);
    // what is a mean of both contexts, or the other's, is no row of its own
    if (/"mean |(value|difference) uncond /.test(acts)) return false;
    return (
      acts ===
      actsOf(uncond).replaceAll(/(?<=value|difference) uncond /g, " cond ")
    );
  });
}

function actsOf({ signature, reads, stores, drops }: ScheduledContext): string {
  return JSON.stringify([signature, [...reads], stores, drops.toSorted()]);
}
