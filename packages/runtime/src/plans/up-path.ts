// The way up a Unet: ResNet after ResNet, each joined by one skip, read from the unit paths that exporters leave.

import { optionError } from "./check-option.js";

/** One ResNet of the way up. */
export interface UpStage {
  /** Its path, such as `up_blocks.1.resnets.0`. */
  readonly resnet: string;
  /** The unit whose output comes to it from below: a layer before it, the block before, or the middle block. */
  readonly feeder: string;
  /** The skip that joins it. */
  readonly skip: string;
  /** Which up block it is in. */
  readonly block: number;
}

/**
 * The ResNets on the way up, deepest first.
 * @param plan what is being made, for the message
 * @param units paths of the model's units
 * @throws {RangeError} If the paths are not those of a diffusers Unet, nor of one with ADM's names
 */
export function upPath(plan: string, units: readonly string[]): UpStage[] {
  const known = new Set(units);
  const stages: UpStage[] = [];
  for (let block = 0; known.has(`output_blocks.${block}.0`); block++) {
    const resnet = `output_blocks.${block}.0`;
    const feeder = block > 0 ? `output_blocks.${block - 1}` : "middle_block";
    stages.push({ resnet, feeder, skip: `${resnet}.skip`, block });
  }
  for (let block = 0; known.has(`up_blocks.${block}.resnets.0`); block++) {
    const inside = (part: string) => `up_blocks.${block}.${part}`;
    for (let i = 0; known.has(inside(`resnets.${i}`)); i++) {
      const attention = inside(`attentions.${i - 1}`);
      const resnet = inside(`resnets.${i}`);
      const feeder =
        i > 0
          ? known.has(attention)
            ? attention
            : inside(`resnets.${i - 1}`)
          : block > 0
            ? `up_blocks.${block - 1}`
            : "mid_block";
      stages.push({ resnet, feeder, skip: `${resnet}.skip`, block });
    }
  }
  const missing = stages.find(
    ({ feeder, skip }) => !known.has(feeder) || !known.has(skip),
  );
  if (stages.length > 0 && !missing) return stages;
  throw optionError(
    plan,
    "units",
    missing
      ? `must hold ${missing.feeder} and ${missing.skip}`
      : "must be the paths of a model's units, with up_blocks.0.resnets.0 or output_blocks.0.0 among them",
    units.slice(0, 5),
  );
}
