// FreeU: stronger backbone, and skips with weaker low frequencies, in the first two up blocks. Saves nothing.

import type { Plan, Rule } from "../plan/plan.js";
import { checkNumber } from "./check-option.js";
import { makePlan } from "./make-plan.js";
import { upPath } from "./up-path.js";

/** What `freeU` takes. */
export interface FreeUOptions {
  /** Paths of the model's units, such as `phaseskip inspect --json` lists. */
  readonly units: readonly string[];
  /** What the first half of the channels that come from below is multiplied by in `up_blocks.0`. @default 1.5 */
  readonly b1?: number;
  /** The same in `up_blocks.1`. @default 1.6 */
  readonly b2?: number;
  /** What the lowest frequencies of the skips are multiplied by in `up_blocks.0`. @default 0.9 */
  readonly s1?: number;
  /** The same in `up_blocks.1`. @default 0.2 */
  readonly s2?: number;
}

/**
 * FreeU (Si et al.: *FreeU: Free Lunch in Diffusion U-Net*, arXiv 2309.11497, section 3.2): as `enable_freeu` of
 * diffusers does it (`utils/torch_utils.py`, `apply_freeu`). The defaults are the authors' for Stable Diffusion 1.5.
 *
 * It is about quality, not time: the paper reports a user study, and no savings.
 *
 * @throws {RangeError} If an option is out of range, or the units are not a Unet's
 */
export function freeU({
  units,
  b1 = 1.5,
  b2 = 1.6,
  s1 = 0.9,
  s2 = 0.2,
}: FreeUOptions): Plan {
  for (const [name, value] of Object.entries({ b1, b2, s1, s2 }))
    checkNumber("FreeU", name, value, 0);
  const stages = upPath("FreeU", units);
  const rules = [
    { block: 0, backbone: b1, skip: s1 },
    { block: 1, backbone: b2, skip: s2 },
  ].flatMap(({ block, backbone, skip }): Rule[] => {
    const inside = stages.filter((stage) => stage.block === block);
    if (inside.length === 0) return [];
    return [
      {
        units: inside.map(({ feeder }) => feeder),
        action: "scale",
        factor: backbone,
        channels: [0, 0.5],
      },
      {
        units: inside.map((stage) => stage.skip),
        action: "scale",
        factor: skip,
        lowPass: 1,
      },
    ];
  });
  return makePlan({ name: "freeu", rules });
}
