// First-block cache: how much the first block's output changes decides whether the rest runs.

import type { Plan } from "../plan/plan.js";
import { checkInteger, checkNumber, optionError } from "./check-option.js";
import { makePlan } from "./make-plan.js";
import { upPath } from "./up-path.js";

/** What `firstBlockCache` takes. */
export interface FirstBlockCacheOptions {
  /** Paths of the model's units, such as `phaseskip inspect --json` lists. */
  readonly units: readonly string[];
  /** Reuse as long as the first block's changes since the last whole step add up to less; above 0. @default 0.1 */
  readonly threshold?: number;
  /** Steps in a row that reuse at most. @default no limit */
  readonly maxConsecutive?: number;
  /** Steps at the start of the run that are whole in any case. @default 0 */
  readonly warmup?: number;
}

/**
 * First-block cache, brought to Unets (from transformers: `FirstBlockCacheConfig` of diffusers, after ParaAttention and
 * TeaCache, arXiv 2411.19108): the first ResNet, with its attention if it has one, runs at every step; if its
 * output has changed little since the last whole step, all that lies between it and the ResNet that its
 * skip joins on the way up is reused. The skip carries what a transformer's residual carries: the first
 * block's own news.
 *
 * As in TeaCache, changes from step to step add up; the sum is never less than the change since the last
 * whole step, which diffusers compares, so a threshold is the stricter one here.
 *
 * @throws {RangeError} If an option is out of range, or the units are not a Unet's
 */
export function firstBlockCache({
  units,
  threshold = 0.1,
  maxConsecutive,
  warmup,
}: FirstBlockCacheOptions): Plan {
  const name = "first-block cache";
  const stages = upPath(name, units);
  checkNumber(name, "threshold", threshold, Number.MIN_VALUE);
  if (maxConsecutive !== undefined)
    checkInteger(name, "maxConsecutive", maxConsecutive, 1);
  if (warmup !== undefined) checkInteger(name, "warmup", warmup, 0);
  const attention = "down_blocks.0.attentions.0";
  const probe =
    [attention, "input_blocks.1"].find((unit) => units.includes(unit)) ??
    "down_blocks.0.resnets.0";
  const stage = stages.at(-2);
  if (!stage || !units.includes(probe))
    throw optionError(name, "units", `must hold ${probe}`, units.slice(0, 5));
  return makePlan({
    name: `first-block-cache-${threshold}`,
    rules: [
      {
        units: [stage.feeder],
        action: "adaptive",
        probe,
        threshold,
        ...(maxConsecutive !== undefined && { maxConsecutive }),
        ...(warmup !== undefined && { warmup }),
      },
    ],
  });
}
