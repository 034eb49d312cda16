// What no device may hand back.

import { PhaseskipError } from "@phaseskip/graph";

/**
 * A device that is out of step hands back zeros or worse; that is never a picture.
 * @param maker what made the output, for messages
 * @param mayBeZero whether zeros are what the plan itself puts there. @default false
 * @throws {PhaseskipError} `inference-failed` if a value is not finite, or all are zero
 */
export function checkOutput(
  output: Float32Array,
  maker: string,
  mayBeZero = false,
): void {
  const fail = (found: string) =>
    new PhaseskipError(
      "inference-failed",
      `Cannot go on as ${maker} must give finite numbers, and not zeros alone: ${found}; run again, or on another device`,
    );
  let isZero = true;
  for (const value of output) {
    if (!Number.isFinite(value)) throw fail(`it gives ${value}`);
    if (value !== 0) isZero = false;
  }
  if (isZero && !mayBeZero) throw fail("all are zero");
}
