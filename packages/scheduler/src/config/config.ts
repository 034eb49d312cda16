// diffusers' scheduler_config.json: its keys, and reading them as `from_config` does. A key
// that is absent or null, or listed in `_use_default_values`, takes the default of the class at
// hand.

import { parsePythonJson } from "./python-json.js";

/**
 * The contents of a `scheduler_config.json`, with diffusers' own keys. Each sampler reads those
 * that its diffusers class knows and ignores the others, as `from_config` does; the defaults are
 * that class's own (diffusers 0.42.1).
 */
export interface SchedulerConfig {
  /** Name of the class that wrote the file. */
  readonly _class_name?: string;
  /** Keys whose values are to be ignored. */
  readonly _use_default_values?: readonly string[];
  /** Timesteps of the training. @default 1000 */
  readonly num_train_timesteps?: number;
  /** First beta. @default 0.0001, for LCM 0.00085 */
  readonly beta_start?: number;
  /** Last beta. @default 0.02, for LCM 0.012 */
  readonly beta_end?: number;
  /** `linear`, `scaled_linear` or `squaredcos_cap_v2`. @default "linear", for LCM "scaled_linear" */
  readonly beta_schedule?: string;
  /** The betas themselves, one for each training timestep. @default null */
  readonly trained_betas?: readonly number[] | null;
  /** Whether the betas are rescaled to leave no signal at the last timestep. @default false */
  readonly rescale_betas_zero_snr?: boolean;
  /** What the network predicts: `epsilon`, `sample` or `v_prediction`. @default "epsilon" */
  readonly prediction_type?: string;
  /** `leading`, `trailing` or `linspace`. @default the class's own */
  readonly timestep_spacing?: string;
  /** Added to the timesteps of `leading` spacing. @default 0 */
  readonly steps_offset?: number;
  /** Whether the last step goes to no noise at all rather than to timestep 0. @default the class's own */
  readonly set_alpha_to_one?: boolean;
  /** Whether the estimated clean sample is clipped. @default true, for LCM false */
  readonly clip_sample?: boolean;
  /** Bound of that clipping. @default 1 */
  readonly clip_sample_range?: number;
  /** Whether the estimated clean sample is thresholded by its own quantile. @default false */
  readonly thresholding?: boolean;
  /** That quantile, in [0, 1]. @default 0.995 */
  readonly dynamic_thresholding_ratio?: number;
  /** Upper bound of the threshold. @default 1 */
  readonly sample_max_value?: number;
  /** DDPM: the variance of the added noise. @default "fixed_small" */
  readonly variance_type?: string | null;
  /** DPM-Solver++: 1 or 2. @default 2 */
  readonly solver_order?: number;
  /** DPM-Solver++: `dpmsolver++`. @default "dpmsolver++" */
  readonly algorithm_type?: string;
  /** DPM-Solver++: `midpoint` or `heun`. @default "midpoint" */
  readonly solver_type?: string;
  /** DPM-Solver++: whether the last step is of first order below 15 steps. @default true */
  readonly lower_order_final?: boolean;
  /** DPM-Solver++: whether the last step is always of first order. @default false */
  readonly euler_at_final?: boolean;
  /** DPM-Solver++: timesteps whose log signal-to-noise ratio lies below are left out. @default -Infinity */
  readonly lambda_min_clipped?: number;
  /** Euler, DPM-Solver++: the noise after the last step, `zero` or `sigma_min`. @default "zero" */
  readonly final_sigmas_type?: string;
  /** Euler, DPM-Solver++: whether sigmas follow Karras et al. @default false */
  readonly use_karras_sigmas?: boolean | null;
  /** Euler, DPM-Solver++: smallest Karras sigma. @default the schedule's own */
  readonly sigma_min?: number | null;
  /** Euler, DPM-Solver++: largest Karras sigma. @default the schedule's own */
  readonly sigma_max?: number | null;
  /** Euler: `linear` or `log_linear`. @default "linear" */
  readonly interpolation_type?: string;
  /** PNDM: whether it starts without Runge-Kutta steps. @default false */
  readonly skip_prk_steps?: boolean;
  /** LCM: steps of the schedule that was distilled. @default 50 */
  readonly original_inference_steps?: number;
  /** LCM: scale of the timestep in the boundary condition. @default 10 */
  readonly timestep_scaling?: number;
  /** Everything else that the file holds. */
  readonly [key: string]: unknown;
}

/** How a run goes, beside what the model's configuration says. */
export interface RunOptions {
  /** Steps to take, an integer in [1, num_train_timesteps]; not together with `timesteps`. */
  readonly numInferenceSteps?: number | undefined;
  /**
   * The timesteps themselves, strictly descending, each in [0, num_train_timesteps); for `ddpm`,
   * `euler`, `dpmpp-2m` and `lcm`, without Karras sigmas. Integers except for `euler`. For `consistency` they count levels
   * of noise, from 0, the noisiest, so that two steps are `[22, 0]`.
   */
  readonly timesteps?: readonly number[] | undefined;
  /**
   * Where EDM's preconditioning is done: `outside`, by the sampler, or `inside` of the graph, which then takes the sample
   * unscaled and sigma as its timestep, and gives the clean sample; for `consistency`, `edm-euler` and `edm-dpmpp-2m`.
   * @default "outside"
   */
  readonly preconditioning?: "inside" | "outside" | undefined;
  /**
   * `lcm`: the part of the distilled schedule, its least noisy one, that the steps are spread over, above 0 and at most 1;
   * of given timesteps the part that is kept, the last ones. So does image to image with latent consistency models, where
   * other samplers leave out steps. @default 1
   */
  readonly strength?: number | undefined;
}

/**
 * Reads the text of a `scheduler_config.json`, as {@link parsePythonJson} does.
 *
 * @param text the file's contents
 * @returns its top-level object
 * @throws {SyntaxError} If the text is not JSON even so.
 * @throws {TypeError} If it holds something other than an object.
 */
export function parseSchedulerConfig(text: string): SchedulerConfig {
  const config = parsePythonJson(text);
  if (typeof config !== "object" || config === null || Array.isArray(config)) {
    throw new TypeError(
      `Cannot read the scheduler configuration as it must be a JSON object: current value is ${shown(config)}`,
    );
  }
  return config as SchedulerConfig;
}

/** How a value looks in an error message: short, strings in quotes. */
export function shown(value: unknown): string {
  const text = typeof value === "object" ? JSON.stringify(value) : undefined;
  if (text !== undefined)
    return text.length > 80 ? `${text.slice(0, 77)}...` : text;
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
