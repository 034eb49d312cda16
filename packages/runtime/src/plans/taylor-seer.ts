// TaylorSeer's plan: what the last block hands on is not kept between whole steps, but forecast.
//
// paper (arXiv 2503.06923), diffusers   here
// N, cache_interval                     interval
// O, max_order                          order
// disable_cache_before_step             warmup
// Taylor series of differences          polynomial through the last values: the same at order 1

import type { Plan } from "../plan/plan.js";
import { checkInteger, optionError } from "./check-option.js";
import { makePlan } from "./make-plan.js";
import {
  checkGrid,
  phaseOfSteps,
  stepCount,
  type StepGrid,
} from "./step-grid.js";

/** What `taylorSeer` takes. */
export interface TaylorSeerOptions extends StepGrid {
  /** Paths of the model's units, such as `phaseskip inspect --json` lists. */
  readonly units: readonly string[];
  /** After the first steps, one of so many is whole; at least 1. @default 5 */
  readonly interval?: number;
  /** Degree of the forecast, in [0, 4]; 0 keeps the last value. @default 1 */
  readonly order?: number;
  /** Whole steps at the start; in [1, numInferenceSteps − 1]. @default 3 */
  readonly warmup?: number;
}

/**
 * TaylorSeer, brought to Unets (Liu et al.: *From Reusing to Forecasting: Accelerating Diffusion Models with
 * TaylorSeers*, arXiv 2503.06923), in its light form, as `TaylorSeerCacheConfig` of diffusers has it with
 * `use_lite_mode`: between whole steps the last block's output follows from those before, and nothing else runs but what
 * comes after it.
 *
 * The paper's result: FLUX 4.99 times as fast and HunyuanVideo 5.00 times, nearly without loss.
 *
 * @throws {RangeError} If an option is out of range, or the units are not a Unet's
 */
export function taylorSeer({
  units,
  interval = 5,
  order = 1,
  warmup = 3,
  ...grid
}: TaylorSeerOptions): Plan {
  const name = "TaylorSeer";
  checkGrid(name, grid);
  const count = stepCount(grid);
  checkInteger(name, "interval", interval, 1);
  checkInteger(name, "order", order, 0, 4);
  checkInteger(name, "warmup", warmup, 1, count - 1);
  const last = units.findLast((unit) => /^(up|output)_blocks\.\d+$/.test(unit));
  if (last === undefined) {
    const wanted = "must hold up_blocks.0 or output_blocks.0";
    throw optionError(name, "units", wanted, units.slice(0, 5));
  }
  return makePlan({
    name: `taylor-seer-${interval}-${order}`,
    // its first step is whole: the last one of the warm-up
    phases: [phaseOfSteps(name, "forecast", grid, warmup - 1, count)],
    rules: [
      {
        ...{ units: [last], phases: ["forecast"], action: "extrapolate" },
        ...{ order, refresh: { every: interval } },
      },
    ],
  });
}
