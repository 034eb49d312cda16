// What samplers are called: short names, and the diffusers classes that they are.

import { shown } from "./config/config.js";

const classNames = {
  ddpm: "DDPMScheduler",
  ddim: "DDIMScheduler",
  euler: "EulerDiscreteScheduler",
  "euler-ancestral": "EulerAncestralDiscreteScheduler",
  "dpmpp-2m": "DPMSolverMultistepScheduler",
  pndm: "PNDMScheduler",
  lcm: "LCMScheduler",
  unipc: "UniPCMultistepScheduler",
  "dpm-singlestep": "DPMSolverSinglestepScheduler",
  "dpmpp-sde": "DPMSolverSDEScheduler",
  heun: "HeunDiscreteScheduler",
  lms: "LMSDiscreteScheduler",
  deis: "DEISMultistepScheduler",
  kdpm2: "KDPM2DiscreteScheduler",
  "kdpm2-ancestral": "KDPM2AncestralDiscreteScheduler",
  tcd: "TCDScheduler",
  "edm-euler": "EDMEulerScheduler",
  "edm-dpmpp-2m": "EDMDPMSolverMultistepScheduler",
  "flow-euler": "FlowMatchEulerDiscreteScheduler",
  consistency: "CMStochasticIterativeScheduler",
} as const;

/** A sampler's short name. */
export type SchedulerName = keyof typeof classNames;

/** Every sampler's short name. */
export const schedulerNames: readonly SchedulerName[] =
  /* @__PURE__ */ Object.freeze(Object.keys(classNames) as SchedulerName[]);

/** Every diffusers class that can be made here, in the order of {@link schedulerNames}. */
export const schedulerClassNames: readonly string[] =
  /* @__PURE__ */ Object.freeze(Object.values(classNames));

/**
 * The short name of a sampler under either of its names. Classes that step as another one does are that one: diffusers'
 * for Flax, and those for parallel sampling.
 *
 * @returns undefined where there is none
 */
export function findSchedulerName(name: string): SchedulerName | undefined {
  const plain = name.replace(/^Flax|Parallel(?=Scheduler$)/g, "");
  return (
    schedulerNames[schedulerClassNames.indexOf(plain)] ??
    schedulerNames.find((short) => short === name)
  );
}

/**
 * The short name of a sampler, as {@link findSchedulerName} gives it.
 *
 * @throws {RangeError} If there is none.
 */
export function schedulerNameOf(name: string): SchedulerName {
  const known = findSchedulerName(name);
  if (known !== undefined) return known;
  const list = [...schedulerNames, ...schedulerClassNames].join(", ");
  throw new RangeError(
    `Cannot create the scheduler as its name must be one of ${list}: current value is ${shown(name)}`,
  );
}
