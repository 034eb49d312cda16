// The time that a run spent in its Unet.

import type { Report } from "@phaseskip/runtime";

/** Time in the Unet over all steps and contexts, in ms; loading, text and decoding are left out. */
export function unetMilliseconds({ steps }: Report): number {
  return steps.reduce(
    (sum, { contexts }) =>
      contexts.reduce((inner, { milliseconds }) => inner + milliseconds, sum),
    0,
  );
}
