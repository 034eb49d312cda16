// The noise schedule of the training, with diffusers' float32 values (schedulers/scheduling_*.py).
//
//   paper (Ho et al. 2020, arXiv 2006.11239)      here
//   β_t, forward process variance                 betas[t]
//   ᾱ_t, product of 1 − β up to t                 alphasCumprod[t]
//   T                                             numTrainTimesteps
//
// The cosine schedule is Nichol & Dhariwal 2021 (arXiv 2102.09672), equation 17; rescaling to
// zero terminal SNR is Lin et al. 2023 (arXiv 2305.08891), algorithm 1.

import type { ConfigReader } from "../config/config-reader.js";
import { fusedMultiplyAdd, sqrt32 } from "../float32.js";

const f = Math.fround;

/** A noise schedule. */
export interface NoiseSchedule {
  /** Timesteps of the training. */
  readonly numTrainTimesteps: number;
  /** Product of the alphas up to each timestep, float32 values; frozen. */
  readonly alphasCumprod: readonly number[];
  /** Whether the betas were rescaled to leave no signal at the last timestep. */
  readonly isRescaled: boolean;
}

/** Where a class's defaults differ from 0.0001, 0.02 and `linear`. */
export interface NoiseScheduleDefaults {
  /** @default 0.0001 */
  readonly betaStart?: number;
  /** @default 0.02 */
  readonly betaEnd?: number;
  /** @default "linear" */
  readonly betaSchedule?: BetaSchedule;
  /** Whether the class knows `rescale_betas_zero_snr`. @default true */
  readonly isRescalable?: boolean;
  /** Beta schedules that the class knows beside `linear`, `scaled_linear` and `squaredcos_cap_v2`. @default none */
  readonly ownSchedules?: readonly BetaSchedule[];
}

type BetaSchedule = (typeof betaSchedules)[number];
const betaSchedules = [
  ...(["linear", "scaled_linear", "squaredcos_cap_v2"] as const),
  ...(["exp", "laplace", "sigmoid"] as const),
] as const;

/** Steps of a training that a schedule is laid out for; published models have 1000. */
const mostTrainTimesteps = 100_000;

/**
 * Reads a configuration's noise schedule.
 *
 * Exact up to the last bit of a beta where PyTorch uses fused multiply-adds, as on x86-64 with
 * AVX2; the running product is taken in double precision, as PyTorch does.
 *
 * @param config of the sampler
 * @param defaults of the sampler's diffusers class
 * @throws {RangeError} If a value is out of range or unknown.
 * @throws {TypeError} If a value is of another type.
 */
export function noiseSchedule(
  config: ConfigReader,
  defaults: NoiseScheduleDefaults = {},
): NoiseSchedule {
  const numTrainTimesteps = config.number("num_train_timesteps", 1000, {
    min: 1,
    isInteger: true,
  });
  if (numTrainTimesteps > mostTrainTimesteps) {
    config.reject(
      "num_train_timesteps",
      `at most ${mostTrainTimesteps}`,
      numTrainTimesteps,
    );
  }
  const isRescaled =
    (defaults.isRescalable ?? true) &&
    config.boolean("rescale_betas_zero_snr", false);
  let betas = readBetas(config, defaults, numTrainTimesteps);
  if (isRescaled) betas = rescaledToZeroSnr(betas);
  const alphasCumprod = Object.freeze(
    Array.from(cumulativeProduct(betas.map((b) => 1 - b))),
  );
  return { numTrainTimesteps, alphasCumprod, isRescaled };
}

function readBetas(
  config: ConfigReader,
  {
    betaStart = 0.0001,
    betaEnd = 0.02,
    betaSchedule = "linear",
    ownSchedules = [],
  }: NoiseScheduleDefaults,
  count: number,
): Float32Array {
  const trained = config.value("trained_betas");
  if (trained !== undefined) {
    if (
      !Array.isArray(trained) ||
      trained.length !== count ||
      !trained.every(Number.isFinite)
    ) {
      config.reject(
        "trained_betas",
        `null or an array of ${count} numbers`,
        trained,
      );
    }
    return Float32Array.from(trained as readonly number[]);
  }
  const start = config.number("beta_start", betaStart);
  const end = config.number("beta_end", betaEnd);
  const schedule = config.choice("beta_schedule", betaSchedule, [
    ...betaSchedules.slice(0, 3),
    ...ownSchedules,
  ]);
  switch (schedule) {
    case "linear":
      return linspace32(start, end, count);
    case "scaled_linear":
      return linspace32(Math.sqrt(start), Math.sqrt(end), count).map(
        (root) => root * root,
      );
    case "squaredcos_cap_v2":
      return betasForAlphaBar(cosineAlphaBar, count);
    case "exp":
      return betasForAlphaBar((time) => Math.exp(time * -12), count);
    case "laplace":
      return betasForAlphaBar(laplaceAlphaBar, count);
    case "sigmoid": {
      const range = f(end - start);
      return linspace32(-6, 6, count).map(
        (x) => f(f(1 / f(1 + f(Math.exp(-x)))) * range) + f(start),
      );
    }
    default:
      return schedule satisfies never;
  }
}

function betasForAlphaBar(
  alphaBar: (time: number) => number,
  count: number,
): Float32Array {
  return Float32Array.from({ length: count }, (_, t) =>
    Math.min(1 - alphaBar((t + 1) / count) / alphaBar(t / count), 0.999),
  );
}

function cosineAlphaBar(time: number): number {
  return Math.cos((((time + 0.008) / 1.008) * Math.PI) / 2) ** 2;
}

/** Hang et al. 2024 (arXiv 2407.03297). */
function laplaceAlphaBar(time: number): number {
  const half = 0.5 - time;
  const tail = Math.log(1 - 2 * Math.abs(half) + 1e-6);
  const snr = Math.exp(-0.5 * (half < 0 ? -tail : tail));
  return Math.sqrt(snr / (1 + snr));
}

/**
 * `torch.linspace` in float32: from both ends towards the middle, with fused multiply-adds.
 *
 * @param start first value, inclusive
 * @param end last value, inclusive
 * @param count how many, from 1
 */
export function linspace32(
  start: number,
  end: number,
  count: number,
): Float32Array<ArrayBuffer> {
  const [first, last] = [f(start), f(end)];
  const step = f(f(last - first) / f(count - 1));
  return Float32Array.from({ length: count }, (_, i) => {
    if (count === 1) return first;
    return i < count >> 1
      ? fusedMultiplyAdd(step, i, first)
      : fusedMultiplyAdd(-step, count - 1 - i, last);
  });
}

function rescaledToZeroSnr(betas: Float32Array): Float32Array {
  const roots = cumulativeProduct(betas.map((beta) => 1 - beta)).map(sqrt32);
  const first = roots[0]!;
  const last = roots[roots.length - 1]!;
  const stretch = f(first / f(first - last));
  const alphaBars = roots
    .map((root) => f(f(root - last) * stretch))
    .map((root) => root * root);
  return alphaBars.map(
    (alphaBar, t) => 1 - (t === 0 ? alphaBar : f(alphaBar / alphaBars[t - 1]!)),
  );
}

function cumulativeProduct(factors: Float32Array): Float32Array {
  let product = 1;
  return factors.map((factor) => (product *= factor));
}
