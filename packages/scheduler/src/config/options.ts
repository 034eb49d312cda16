// A sampler's options in a call: diffusers' keys in camelCase, checked against those of its class.

import { shown } from "./config.js";
import type { SchedulerConfig } from "./config.js";
import type { SchedulerName } from "../sampler-names.js";

const betas =
  "num_train_timesteps beta_start beta_end beta_schedule trained_betas";
const rules = "use_karras_sigmas use_exponential_sigmas use_beta_sigmas";
const range = "sigma_min sigma_max";
const spacing = "timestep_spacing steps_offset";
const thresholds = "thresholding dynamic_thresholding_ratio sample_max_value";
const clipping = "clip_sample clip_sample_range";
const zeroSnr = "rescale_betas_zero_snr";
const prediction = "prediction_type";
const solver = "solver_order solver_type lower_order_final";
const flow = "use_flow_sigmas flow_shift";
const k = `${betas} ${prediction} ${spacing} ${rules} ${range}`;
const dpm = `${k} ${thresholds} ${solver} ${flow} algorithm_type`;
const ddim = `${betas} ${prediction} ${spacing} ${thresholds} ${clipping} ${zeroSnr} set_alpha_to_one`;
const edm = `num_train_timesteps ${prediction} ${range} sigma_data sigma_schedule rho final_sigmas_type`;

const known: Record<SchedulerName, string> = {
  ddpm: `${betas} ${prediction} ${spacing} ${thresholds} ${clipping} ${zeroSnr} variance_type`,
  ddim: `${ddim} eta`,
  euler: `${k} ${zeroSnr} interpolation_type timestep_type final_sigmas_type`,
  "euler-ancestral": `${betas} ${prediction} ${spacing} ${zeroSnr}`,
  "dpmpp-2m": `${dpm} ${zeroSnr} euler_at_final use_lu_lambdas final_sigmas_type lambda_min_clipped variance_type`,
  pndm: `${betas} ${prediction} ${spacing} skip_prk_steps set_alpha_to_one`,
  lcm: `${ddim} original_inference_steps timestep_scaling`,
  unipc: `${k} ${thresholds} ${solver} ${flow} ${zeroSnr} predict_x0 disable_corrector solver_p final_sigmas_type shift_terminal`,
  "dpm-singlestep": `${betas} ${prediction} ${rules} ${range} ${thresholds} ${solver} ${flow} algorithm_type final_sigmas_type lambda_min_clipped variance_type`,
  "dpmpp-sde": `${k} noise_sampler_seed`,
  heun: `${k} ${clipping}`,
  lms: k,
  deis: dpm,
  kdpm2: k,
  "kdpm2-ancestral": k,
  tcd: `${ddim} original_inference_steps timestep_scaling eta`,
  "edm-euler": edm,
  "edm-dpmpp-2m": `${edm} ${thresholds} ${solver} algorithm_type euler_at_final`,
  "flow-euler": `num_train_timesteps shift shift_terminal invert_sigmas stochastic_sampling ${rules} ${range}`,
  consistency: `num_train_timesteps ${range} sigma_data s_noise rho clip_denoised`,
};

/** The keys that a sampler takes, in diffusers' spelling. */
export function schedulerOptionKeys(name: SchedulerName): readonly string[] {
  return known[name].split(" ");
}

/**
 * Turns options of a call into a configuration.
 *
 * @param name the sampler
 * @param options diffusers' keys in camelCase
 * @returns the same under diffusers' keys
 * @throws {RangeError} If the sampler's class has no such option; the error names the nearest.
 */
export function schedulerOptions(
  name: SchedulerName,
  options: Readonly<Record<string, unknown>>,
): SchedulerConfig {
  const keys = schedulerOptionKeys(name);
  const entries = Object.entries(options).map(([option, value]) => {
    const key = snakeCase(option);
    if (keys.includes(key)) return [key, value] as const;
    const nearest = keys.reduce((best, other) =>
      likeness(key, other) > likeness(key, best) ? other : best,
    );
    throw new RangeError(
      `Cannot create the scheduler ${name} as its options must be diffusers' (is ${camelCase(nearest)} meant?): current option is ${shown(option)}`,
    );
  });
  return Object.fromEntries(entries);
}

/** diffusers' spelling of an option: `useKarrasSigmas` is `use_karras_sigmas`. */
function snakeCase(option: string): string {
  return option.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/**
 * The spelling of one of diffusers' keys in a call: `use_karras_sigmas` is `useKarrasSigmas`.
 *
 * @param key in snake_case
 */
export function camelCase(key: string): string {
  return key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** How many pairs of letters two keys share, as a fraction of those that they have. */
function likeness(a: string, b: string): number {
  const pairs = (text: string) =>
    Array.from({ length: text.length - 1 }, (_, i) => text.slice(i, i + 2));
  const [own, others] = [pairs(a), pairs(b)];
  const shared = own.filter((pair) => others.includes(pair)).length;
  return (2 * shared) / (own.length + others.length);
}
