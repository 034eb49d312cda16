// Samplers without any network: for a small data set, and for a normal distribution, the best
// possible denoiser is known exactly.

import { describe, expect, test } from "vitest";

import {
  createScheduler,
  ddim,
  dpmpp2m,
  generator,
  pndm,
  schedulerNames,
} from "@phaseskip/scheduler";
import type { Scheduler, SchedulerConfig } from "@phaseskip/scheduler";

type Denoiser = (sample: Float32Array, alphaCumprod: number) => Float32Array;

/** As in diffusers, these do not take networks that predict the clean sample. */
const noisy: readonly string[] = [
  ...["pndm", "euler-ancestral", "dpmpp-sde", "kdpm2", "kdpm2-ancestral"],
  ...["edm-euler", "edm-dpmpp-2m", "flow-euler"],
];

/** Four points of a data set in four dimensions. */
const points = [
  [0.9, -0.4, 0.3, -0.8],
  [-0.7, 0.6, 0.1, 0.5],
  [0.2, 0.9, -0.9, -0.1],
  [-0.3, -0.8, -0.5, 0.7],
];

/** The posterior mean of the clean sample over the data set. */
const dataDenoiser: Denoiser = (sample, alphaCumprod) => {
  const distances = points.map((point) =>
    point.reduce(
      (sum, x, i) => sum + (sample[i]! - Math.sqrt(alphaCumprod) * x) ** 2,
      0,
    ),
  );
  const nearest = Math.min(...distances);
  const weights = distances.map((d) =>
    Math.exp((nearest - d) / (2 * (1 - alphaCumprod))),
  );
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return sample.map((_, i) =>
    points.reduce(
      (mean, point, k) => mean + (weights[k]! / total) * point[i]!,
      0,
    ),
  );
};

/** Normal data of mean 0.3 and standard deviation 0.5 in every dimension. */
const [MEAN, DEVIATION] = [0.3, 0.5];
const marginalDeviation = (alphaCumprod: number) =>
  Math.sqrt(alphaCumprod * DEVIATION ** 2 + 1 - alphaCumprod);
const normalDenoiser: Denoiser = (sample, alphaCumprod) => {
  const gain =
    (Math.sqrt(alphaCumprod) * DEVIATION ** 2) /
    marginalDeviation(alphaCumprod) ** 2;
  return sample.map((x) => MEAN + gain * (x - Math.sqrt(alphaCumprod) * MEAN));
};

/** alphasCumprod at a timestep that may be fractional: linear in sigma, as Euler has it. */
function alphaAt({ alphasCumprod }: Scheduler, timestep: number): number {
  const sigma = (t: number) =>
    Math.sqrt((1 - alphasCumprod[t]!) / alphasCumprod[t]!);
  const below = Math.min(Math.floor(timestep), alphasCumprod.length - 2);
  const between =
    sigma(below) + (timestep - below) * (sigma(below + 1) - sigma(below));
  return 1 / (1 + between ** 2);
}

/** What a network that knows the denoiser would put out. */
function networkOutput(
  scheduler: Scheduler,
  denoiser: Denoiser,
  sample: Float32Array,
  stepIndex: number,
): Float32Array {
  const timestep = scheduler.timesteps[stepIndex]!;
  if (scheduler.predictionType === "flow_prediction")
    return flowOutput(denoiser, sample, timestep / 1000);
  if (scheduler.name.startsWith("edm-"))
    return edmOutput(scheduler, denoiser, sample, Math.exp(4 * timestep));
  return usualOutput(scheduler, denoiser, sample, stepIndex);
}

/** Where the signal is 1 − sigma and the noise is sigma: the noise less the signal. */
function flowOutput(
  denoiser: Denoiser,
  sample: Float32Array,
  sigma: number,
): Float32Array {
  const norm = Math.hypot(1 - sigma, sigma);
  const alpha = ((1 - sigma) / norm) ** 2;
  const original = denoiser(
    sample.map((x) => x / norm),
    alpha,
  );
  return sample.map((x, i) => (x - original[i]!) / sigma);
}

/** Where the signal is 1: Karras et al. 2022, equation 7, solved for F. */
function edmOutput(
  scheduler: Scheduler,
  denoiser: Denoiser,
  sample: Float32Array,
  sigma: number,
): Float32Array {
  const original = denoiser(
    sample.map((x) => x / Math.hypot(1, sigma)),
    1 / (1 + sigma ** 2),
  );
  const total = Math.hypot(sigma, 0.5);
  const sign = scheduler.predictionType === "v_prediction" ? -1 : 1;
  return original.map(
    (x, i) =>
      ((x - (0.5 / total) ** 2 * sample[i]!) / ((sigma * 0.5) / total)) * sign,
  );
}

function usualOutput(
  scheduler: Scheduler,
  denoiser: Denoiser,
  sample: Float32Array,
  stepIndex: number,
): Float32Array {
  const scaled = scheduler.scaleModelInput(sample, stepIndex);
  const alpha = alphaAt(scheduler, scheduler.timesteps[stepIndex]!);
  const [signal, noise] = [Math.sqrt(alpha), Math.sqrt(1 - alpha)];
  const original = denoiser(scaled, alpha);
  const epsilon = scaled.map((x, i) => (x - signal * original[i]!) / noise);
  switch (scheduler.predictionType) {
    case "epsilon":
      return epsilon;
    case "sample":
      return original;
    case "v_prediction":
      return epsilon.map((e, i) => signal * e - noise * original[i]!);
    case "flow_prediction":
      throw new TypeError("not of this kind");
  }
}

/** Runs the steps from one index up to another, and returns the sample there. */
function run(
  scheduler: Scheduler,
  denoiser: Denoiser,
  first: Float32Array,
  { from = 0, to = scheduler.timesteps.length, seed = 5 } = {},
): Float32Array {
  const source = generator(seed);
  let sample = first;
  let state = scheduler.initialState();
  for (let stepIndex = from; stepIndex < to; stepIndex++) {
    const noise = scheduler.drawNoise(source, stepIndex, sample.length);
    const modelOutput = networkOutput(scheduler, denoiser, sample, stepIndex);
    const output = scheduler.step({
      modelOutput,
      sample,
      stepIndex,
      state,
      noise,
    });
    sample = output.prevSample;
    state = output.state;
  }
  return sample;
}

function distanceToData(sample: Float32Array): number {
  return Math.min(
    ...points.map((point) =>
      Math.hypot(...point.map((x, i) => x - sample[i]!)),
    ),
  );
}

describe("the exact denoiser of a small data set", () => {
  const predictions = ["epsilon", "v_prediction", "sample"];
  // consistency's network is no denoiser: it has golden runs of its own
  const denoising = schedulerNames.filter((name) => name !== "consistency");
  const cases = denoising.flatMap((name) =>
    predictions
      .filter((kind) => kind !== "sample" || !noisy.includes(name))
      .filter((kind) => kind === "epsilon" || name !== "flow-euler")
      .map((kind) => [name, kind] as const),
  );

  test.each(cases)(
    "%s with %s lands on data points",
    (name, prediction_type) => {
      const config: SchedulerConfig = {
        prediction_type,
        set_alpha_to_one: true,
        original_inference_steps: 100,
      };
      // PNDM extrapolates: with half as many steps it swings past the points by a tenth.
      const scheduler = createScheduler(name, config, {
        numInferenceSteps: 100,
      });
      const landed = Array.from({ length: 12 }, (_, seed) => {
        const noise = generator(seed).randn(4);
        const first = noise.map((x) => x * scheduler.initNoiseSigma);
        return run(scheduler, dataDenoiser, first, { seed: 100 + seed });
      });
      // DEIS and TCD end at the schedule's smallest sigma: its noise is left, in four dimensions.
      const isNoisy = name === "deis" || name === "tcd";
      const left = isNoisy
        ? 4 * Math.sqrt(1 - scheduler.alphasCumprod[0]!)
        : 1e-3;
      expect(Math.max(...landed.map(distanceToData))).toBeLessThan(left);
      const signs = new Set(
        landed.map((sample) => sample.map(Math.sign).join()),
      );
      expect(signs.size).toBeGreaterThan(1);
    },
  );
});

describe("order of convergence on a normal distribution", () => {
  /**
   * Error at timestep 200 when starting exactly at an earlier one. Along the exact path, the distance from the
   * marginal's mean in units of the marginal's standard deviation never changes.
   */
  const errorOf = (scheduler: Scheduler, start = 900) => {
    const place = (timestep: number, score: number) => {
      const alpha = scheduler.alphasCumprod[timestep]!;
      return Math.sqrt(alpha) * MEAN + score * marginalDeviation(alpha);
    };
    const scores = [-1.5, -0.4, 0.7, 2];
    const first = Float32Array.from(scores, (score) => place(start, score));
    const [from, to] = [start, 200].map((timestep) =>
      scheduler.timesteps.indexOf(timestep),
    );
    const sample = run(scheduler, normalDenoiser, first, {
      from: from!,
      to: to!,
    });
    return Math.max(
      ...scores.map((score, i) => Math.abs(sample[i]! - place(200, score))),
    );
  };
  const descending = (stride: number) =>
    Array.from({ length: 900 / stride }, (_, i) => 900 - i * stride);

  const errors = {
    ddim: [10, 20, 40].map((numInferenceSteps) =>
      errorOf(ddim({ clip_sample: false, numInferenceSteps })),
    ),
    dpmpp2m: [100, 50, 25].map((stride) =>
      errorOf(dpmpp2m({ timesteps: descending(stride) })),
    ),
    pndm: [10, 20, 40].map((numInferenceSteps) => {
      const scheduler = pndm({ numInferenceSteps });
      return errorOf(scheduler, scheduler.timesteps[0]);
    }),
    dpmpp1: [100, 50, 25].map((stride) =>
      errorOf(dpmpp2m({ solver_order: 1, timesteps: descending(stride) })),
    ),
  };
  const orders = (list: readonly number[]) =>
    list.slice(1).map((error, i) => Math.log2(list[i]! / error));

  test("ddim() is of first order", () => {
    for (const order of orders(errors.ddim)) expect(order).toBeCloseTo(1, 1);
  });

  test("dpmpp2m() is of second order", () => {
    for (const order of orders(errors.dpmpp2m)) expect(order).toBeCloseTo(2, 1);
  });

  test("dpmpp2m() of order 1 is ddim()", () => {
    for (const [i, error] of errors.dpmpp1.entries())
      expect(error).toBeCloseTo(errors.ddim[i]!, 4);
  });

  test("dpmpp2m() is more exact than ddim(), and pndm() more than both", () => {
    for (const [i, error] of errors.dpmpp2m.entries()) {
      expect(error).toBeLessThan(errors.ddim[i]!);
      expect(errors.pndm[i]).toBeLessThan(error);
    }
  });
});
