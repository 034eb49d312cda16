// What no device may hand back.

import { PhaseskipError } from "@phaseskip/graph";

/**
 * A device that is out of step hands back zeros or worse; that is never a picture.
 * @param mayBeZero whether zeros are what the plan itself puts there
 * @throws {PhaseskipError} `inference-failed` if a value is not finite, or all are zero
 */
export function checkOutput(
  output: Float32Array,
  timestep: number,
  mayBeZero: boolean,
): void {
  let isZero = true;
  for (const value of output) {
    if (!Number.isFinite(value)) {
      throw new PhaseskipError(
        "inference-failed",
        `Cannot go on at timestep ${timestep} as the Unet's output must be finite: it holds ${value}`,
      );
    }
    if (value !== 0) isZero = false;
  }
  if (isZero && !mayBeZero) {
    throw new PhaseskipError(
      "inference-failed",
      `Cannot go on at timestep ${timestep} as the Unet's output is all zeros`,
    );
  }
}
