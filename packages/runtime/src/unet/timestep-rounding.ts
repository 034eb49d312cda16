// Timesteps that a Unet in half precision is not told exactly.

import { ElementType, type ValueInfo } from "@phaseskip/graph";

/**
 * What to warn of where a Unet takes its timestep as float16, which has no fractions but halves above 512.
 *
 * @param input the Unet's timestep
 * @param timesteps that the run visits
 */
export function timestepWarnings(
  input: ValueInfo | undefined,
  timesteps: readonly number[],
): string[] {
  if (input?.type !== ElementType.FLOAT16) return [];
  const rounded = timesteps.find((t) => t > 512 && t % 0.5 !== 0);
  if (rounded === undefined) return [];
  return [
    `the Unet takes its timestep in half precision, which rounds ${rounded.toFixed(2)} to ${(Math.round(rounded * 2) / 2).toFixed(1)}: the scheduler's timestepSpacing "trailing" or "leading" has whole timesteps`,
  ];
}
