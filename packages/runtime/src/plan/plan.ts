// The plan format: which unit does what in which phase. A plan is data; it is checked when it is parsed
// (its form) and again when it is scheduled on a model (its meaning).

/**
 * A time during sampling: the timesteps t with `to <= t < from`, in whatever the Unet is handed as its timestep: levels of
 * noise where the sampler is EDM's or a consistency model's, which may be negative logarithms.
 */
export interface Phase {
  /** What rules call it. */
  readonly name: string;
  /** Upper end, exclusive; the number of training timesteps means no upper end. */
  readonly from: number;
  /** Lower end, inclusive. */
  readonly to: number;
}

/**
 * The streams through the Unet, in the order in which they run: with the text; `image` without it, but with the image that
 * is edited, where guidance has a weight for each; with neither.
 */
export const contexts = ["cond", "image", "uncond"] as const;

/** One stream through the Unet. */
export type Context = (typeof contexts)[number];

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
  | RunAction
  | ReuseAction
  | ZeroAction
  | BypassAction
  | MeanAction
  | ScaleAction
  | ExtrapolateAction
  | ForecastAction
  | AdaptiveAction;

/** Computed as always; overrides an earlier rule. */
export interface RunAction {
  /** Which action it is. */
  readonly action: "run";
}

/** A cached value instead of a computed one. */
export interface ReuseAction {
  /** Which action it is. */
  readonly action: "reuse";
  /** When the value is computed anew. */
  readonly refresh: Refresh;
  /**
   * What is kept: the unit's output; its residual, what it adds to its main input, which is then added to
   * the main input of the step at hand; or the mean of both contexts' outputs, once both have one (T-GATE).
   * @default "output"
   */
  readonly value?: "output" | "residual" | "mean";
}

/** Zeros instead of a computed value. */
export interface ZeroAction {
  /** Which action it is. */
  readonly action: "zero";
  /** What is zeroed: the unit's output, or its residual, which leaves the unit's shortcut alone. @default "output" */
  readonly value?: "output" | "residual";
}

/** The unit's main input in place of each of its outputs; their shapes must agree. */
export interface BypassAction {
  /** Which action it is. */
  readonly action: "bypass";
}

/** In place of each output, its mean per channel over calibration runs, at the nearest timestep measured. */
export interface MeanAction {
  /** Which action it is. */
  readonly action: "mean";
}

/** The computed value, or a part of it, times a factor. */
export interface ScaleAction {
  /** Which action it is. */
  readonly action: "scale";
  /** What the value is multiplied by. */
  readonly factor: number;
  /** Which channels, as fractions of their number: from, inclusive, to, exclusive, rounded down. @default all of them */
  readonly channels?: readonly [number, number];
  /**
   * Only frequencies in the box `[-lowPass, lowPass)` of both axes of the picture's discrete Fourier
   * transform, in bins around zero frequency; an integer of at least 1 (FreeU's threshold). @default all of them
   */
  readonly lowPass?: number;
}

/** In place of the output, a polynomial in the timestep through its last computed values. */
export interface ExtrapolateAction {
  /** Which action it is. */
  readonly action: "extrapolate";
  /** Its degree, an integer in [0, 4]; lower while fewer than `order + 1` values have been computed. */
  readonly order: number;
  /** When the value is computed anew. */
  readonly refresh: Refresh;
}

/**
 * What makes a forecast's coefficients of the steps that computed the values: the polynomial in the timestep through
 * them; HiCache's contracted Hermite polynomials; Spectrum's ridge on Chebyshev polynomials; the multistep rules of
 * Adams and Bashforth, or of backward differentiation, on their slopes.
 */
export type ForecastBasis =
  "taylor" | "hermite" | "chebyshev" | "adams-bashforth" | "bdf";

/** A sum of the last computed values, each times a coefficient that follows from when they were computed. */
export interface BasisForecast {
  /** How many values at most, an integer in [2, 4]; fewer while fewer have been computed. */
  readonly values: number;
  /** What makes the coefficients. */
  readonly basis: ForecastBasis;
}

/** A sum of the last computed values, each times a coefficient of a table; it holds for one grid of steps. */
export interface TableForecast {
  /** How many values at most, an integer in [2, 6]. */
  readonly values: number;
  /** For each of `steps` what each value counts, newest first; 1 to `values` numbers. */
  readonly coefficients: readonly (readonly number[])[];
  /** Step indices on the sampler's whole grid, rising; a forecast at any other step is an error. */
  readonly steps: readonly number[];
  /**
   * For each of `steps` how many steps before it each value was computed: others are an error. A run that starts later,
   * from an image, takes the polynomial through the values there.
   * @default not checked
   */
  readonly ages?: readonly (readonly number[])[];
}

/** How a value is forecast. */
export type Forecast = BasisForecast | TableForecast;

/** In place of the output, a sum of its last computed values. */
export type ForecastAction = Forecast & {
  /** Which action it is. */
  readonly action: "forecast";
  /** When the value is computed anew. */
  readonly refresh: Refresh;
};

/** The cached value, as long as another unit's output has changed little since it was computed. */
export interface AdaptiveAction {
  /** Which action it is. */
  readonly action: "adaptive";
  /** The path of the unit whose output is watched at every step; no pattern, and no unit that depends on the adaptive one. */
  readonly probe: string;
  /**
   * The value is computed once the changes of the probe from step to step, each the mean absolute
   * difference over the mean absolute value before, add up to this since it was computed last.
   */
  readonly threshold: number;
  /** Steps in a row that reuse at most. @default no limit */
  readonly maxConsecutive?: number;
  /** Steps at the start of the run that compute in any case. @default 0 */
  readonly warmup?: number;
}

/** What happens to the units that match, in the phases named. */
export type Rule = Action & {
  /**
   * Unit patterns: `*` is one path element, `**` any number; skips match only patterns ending in `.skip`. `""` is the
   * whole Unet: where its output is not computed, nothing of it runs. It takes `run`, `reuse`, `extrapolate` and
   * `forecast`.
   */
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
  | /** `cond` alone runs; the other contexts less `cond` are kept from the last step that ran all. */ {
      readonly action: "delta";
      /** Missing: it is no forecast. */
      readonly values?: undefined;
      /** When both run. */
      readonly refresh: Refresh;
    }
  | /** `cond` alone runs; the other contexts less `cond` are forecast from the last steps that ran all. */ (Forecast & {
      readonly action: "delta";
      /** When both run. */
      readonly refresh: Refresh;
    })
  | /** Another weight than the call's. */ { readonly scale: number }
);

/** Before each step, the sample grows by so much of what it was before the first. */
export interface PriorNoise {
  /** What the initial sample is multiplied by; a finite number. */
  readonly weight: number;
  /** Names of phases. @default all of them, and the time outside of any */
  readonly phases?: readonly string[];
}

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
  /** The initial noise, mixed in again (Faster Diffusion's prior noise injection). */
  readonly priorNoise?: PriorNoise;
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

/** How errors call a plan. */
export function planTitle({ name }: Plan): string {
  return name ? `the plan ${name}` : "the plan";
}
