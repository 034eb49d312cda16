// EDM's preconditioning inside of the graph: the same denoiser, written either way, draws the same picture.

import { describe, expect, test } from "vitest";

import { createScheduler } from "@phaseskip/scheduler";
import type { Scheduler, SchedulerConfig } from "@phaseskip/scheduler";

import { pattern } from "./trajectory.js";

const LENGTH = 24;
const DATA = 0.5;
const MIN = 0.02;
const config: SchedulerConfig = {
  sigma_min: MIN,
  sigma_max: 20,
  sigma_data: DATA,
  clip_denoised: false,
};

/** A denoiser D(x; σ) that is no network: towards a pattern, the more so the more noise there is. */
const denoised = (sample: number, i: number, sigma: number) =>
  sample / (1 + sigma ** 2) + (sigma / (2 + sigma)) * pattern(LENGTH, 7, 0)[i]!;

/** Weights of the sample and of the network's output in a denoiser, as EDM has them and as consistency models do. */
const weights: Record<string, (sigma: number) => [skip: number, out: number]> =
  {
    edm: (sigma) => [
      DATA ** 2 / (sigma ** 2 + DATA ** 2),
      (sigma * DATA) / Math.sqrt(sigma ** 2 + DATA ** 2),
    ],
    consistency: (sigma) => [
      DATA ** 2 / ((sigma - MIN) ** 2 + DATA ** 2),
      ((sigma - MIN) * DATA) / Math.sqrt(sigma ** 2 + DATA ** 2),
    ],
  };

/** Samples all steps, with a network that is told its timestep and what the scheduler hands it. */
function sampled(
  scheduler: Scheduler,
  network: (input: number, i: number, timestep: number) => number,
): Float32Array {
  let sample = pattern(LENGTH, 3, 1).map(
    (value) => value * scheduler.initNoiseSigma,
  );
  let state = scheduler.initialState();
  for (const [stepIndex, timestep] of scheduler.timesteps.entries()) {
    const input = scheduler.scaleModelInput(sample, stepIndex);
    const noise = scheduler.needsNoise(stepIndex)
      ? pattern(LENGTH, 5, stepIndex)
      : undefined;
    const modelOutput = input.map((value, i) => network(value, i, timestep));
    ({ prevSample: sample, state } = scheduler.step({
      modelOutput,
      sample,
      stepIndex,
      state,
      noise,
    }));
  }
  return sample;
}

describe.each([
  ["edm-euler", "edm", (t: number) => Math.exp(4 * t)],
  ["edm-dpmpp-2m", "edm", (t: number) => Math.exp(4 * t)],
  ["consistency", "consistency", (t: number) => Math.exp(t / 250)],
] as const)("%s", (name, kind, sigmaOf) => {
  const make = (preconditioning?: "inside" | "outside") =>
    createScheduler(name, config, { numInferenceSteps: 6, preconditioning });

  test("draws the same with the preconditioning inside of the graph", () => {
    const inside = sampled(make("inside"), denoised);
    const outside = sampled(make("outside"), (input, i, timestep) => {
      const sigma = sigmaOf(timestep);
      const sample = input * Math.sqrt(sigma ** 2 + DATA ** 2);
      const [skip, out] = weights[kind]!(sigma);
      // at sigma_min a consistency model's output counts nothing
      return (denoised(sample, i, sigma) - skip * sample) / (out || Infinity);
    });
    const errors = inside.map((value, i) => Math.abs(value - outside[i]!));
    expect(Math.max(...errors)).toBeLessThan(2e-5);
    expect(Math.max(...inside.map(Math.abs))).toBeGreaterThan(0.1);
  });

  test("hands the graph sigma itself and the sample as it is", () => {
    const scheduler = make("inside");
    const { timesteps, sigmas, predictionType, timestepRange } = scheduler;
    expect(predictionType).toBe("sample");
    timesteps.forEach((t, i) => expect(t).toBeCloseTo(sigmas![i]!, 5));
    const sample = pattern(LENGTH, 3, 1);
    expect(scheduler.scaleModelInput(sample, 0)).toBe(sample);
    expect(timestepRange[0]).toBeCloseTo(0.02, 6);
    expect(timestepRange[1]).toBe(20);
    const [least, most] = make().timestepRange;
    expect([sigmaOf(least), sigmaOf(most)]).toEqual([
      expect.closeTo(0.02, 6) as number,
      expect.closeTo(20, 4) as number,
    ]);
  });

  test("refuses what is neither", () => {
    expect(() => make("around" as "inside")).toThrow(
      /scheduler as preconditioning must be "inside" or "outside": current value is "around"$/,
    );
  });
});

test("a sampler without EDM's preconditioning refuses a graph that holds it", () => {
  const run = { numInferenceSteps: 4, preconditioning: "inside" } as const;
  expect(() => createScheduler("ddim", {}, run)).toThrow(
    "Cannot create the scheduler ddim as the network's preconditioning is inside of its graph, which takes sigma and gives the clean sample: choose consistency, edm-euler, edm-dpmpp-2m",
  );
  expect(() =>
    createScheduler("ddim", {}, { ...run, preconditioning: "outside" }),
  ).not.toThrow();
});

test("consistency() ends with numbers where sigma_min's square rounds down", () => {
  const scheduler = createScheduler(
    "consistency",
    { sigma_min: 0.009 },
    { numInferenceSteps: 2 },
  );
  expect(sampled(scheduler, denoised).every(Number.isFinite)).toBe(true);
});
