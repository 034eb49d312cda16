// The plan format: which unit does what in which phase. A plan is data; it is checked when it is parsed
// (its form) and again when it is scheduled on a model (its meaning).

/** A time during sampling: the timesteps t with `to <= t < from`. */
export interface Phase {
  /** What rules call it. */
  readonly name: string;
  /** Upper end, exclusive; the number of training timesteps means no upper end. */
  readonly from: number;
  /** Lower end, inclusive. */
  readonly to: number;
}

/** One stream through the Unet. */
export type Context = "cond" | "uncond";

/** When a reused value is computed anew. */
export type Refresh =
  | "never"
  /** At the latest after so many steps. */
  | { readonly every: number }
  /** At the latest after so many timesteps. */
  | { readonly everyTimesteps: number }
  /** At these step indices, and at no others. */
  | { readonly at: readonly number[] }
  /** At the first step at or below each of these timesteps, and at no others. */
  | { readonly atTimesteps: readonly number[] };

/** What happens to a unit. */
export type Action =
  /** Computed as always; overrides an earlier rule. */
  | { readonly action: "run" }
  /** A cached output instead of a computed one. */
  | { readonly action: "reuse"; readonly refresh: Refresh }
  /** Zeros in place of the output. */
  | { readonly action: "zero" };

/** What happens to the units that match, in the phases named. */
export type Rule = Action & {
  /** Unit patterns: `*` is one path element, `**` any number; skips match only patterns ending in `.skip`. */
  readonly units: readonly string[];
  /** Names of phases. @default all of them, and the time outside of any */
  readonly phases?: readonly string[];
  /** @default both */
  readonly contexts?: readonly Context[];
};

/** What happens to guidance. */
export type GuidanceRule = {
  /** Names of phases. @default all of them, and the time outside of any */
  readonly phases?: readonly string[];
} & (
  | /** `cond` alone runs, and its output is taken. */ {
      readonly action: "off";
    }
  | /** Another weight than the call's. */ { readonly scale: number }
);

/** Under which conditions a plan may run; a call that violates them is an error. */
export interface PlanConditions {
  /** Names of schedulers. */
  readonly schedulers?: readonly string[];
  /** Both ends inclusive. */
  readonly numInferenceSteps?: readonly [number, number];
  /** Both ends inclusive. */
  readonly guidanceScale?: readonly [number, number];
}

/** A plan. */
export interface Plan {
  /** Tells a plan from other JSON. */
  readonly format: "phaseskip-plan";
  /** The format's version. */
  readonly version: 1;
  /** What reports call it. */
  readonly name?: string;
  /** A sentence for people. */
  readonly description?: string;
  /** Intervals of timesteps that rules and guidance refer to; they may overlap. */
  readonly phases: readonly Phase[];
  /** What happens to which units when; the last that matches wins. */
  readonly rules: readonly Rule[];
  /** Where guidance differs from what the caller asks for; the last that matches wins. */
  readonly guidance?: readonly GuidanceRule[];
  /** Defaults that the caller overrides. */
  readonly steps?: {
    readonly numInferenceSteps?: number;
    readonly timesteps?: readonly number[];
  };
  /** The model that the plan was made for. */
  readonly model?: { readonly unet: string };
  /** Runs that the plan was made for; any other is an error. */
  readonly valid?: PlanConditions;
  /** How the plan was measured; not read here. */
  readonly calibration?: unknown;
}

/** The plan that does nothing. */
export const emptyPlan: Plan = {
  format: "phaseskip-plan",
  version: 1,
  name: "none",
  phases: [],
  rules: [],
};
