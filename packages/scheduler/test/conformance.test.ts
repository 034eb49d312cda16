// What every sampler keeps to, whatever its algorithm. (About its state: restart.test.ts.)

import { describe, expect, test } from "vitest";

import {
  createScheduler,
  schedulerClassNames,
  schedulerNames,
} from "@phaseskip/scheduler";
import type { Scheduler, SchedulerConfig } from "@phaseskip/scheduler";

import { pattern, trajectory } from "./trajectory.js";

const LENGTH = 24;

/** A configuration under which a sampler takes any number of steps from 1 to 1000. */
const anySteps: SchedulerConfig = {
  num_train_timesteps: 1000,
  beta_schedule: "scaled_linear",
  timestep_spacing: "trailing",
  original_inference_steps: 1000,
  skip_prk_steps: true,
};

/** EDM and flow matching have noise levels of their own. */
const hasBetas = (name: string) => !/^edm|^flow|^consistency/.test(name);

/** What takes timesteps from the caller, as in diffusers. */
const takesTimesteps = /^(ddpm|euler|dpmpp-2m|lcm|dpm-singlestep|heun|tcd)$/;

const failure = (attempt: () => unknown) => {
  try {
    attempt();
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was thrown");
};

describe.each(schedulerNames)("%s", (name) => {
  const make = (numInferenceSteps: number) =>
    createScheduler(name, anySteps, { numInferenceSteps });
  const noiseAt = (scheduler: Scheduler, stepIndex: number) =>
    scheduler.needsNoise(stepIndex) ? pattern(LENGTH, 11, 2) : undefined;
  const firstStep = (scheduler: Scheduler) => ({
    modelOutput: pattern(LENGTH, 7, 0),
    sample: pattern(LENGTH, 3, 1),
    stepIndex: 0,
    state: scheduler.initialState(),
    noise: noiseAt(scheduler, 0),
  });

  test("is frozen, and so are its arrays", () => {
    const scheduler = make(5);
    const { timesteps, alphasCumprod, sigmas = Object.freeze([]) } = scheduler;
    const all = [scheduler, timesteps, alphasCumprod, sigmas];
    expect(all.map(Object.isFrozen)).toEqual([true, true, true, true]);
  });

  test("has the name it was asked for, under both of its names", () => {
    const className = schedulerClassNames[schedulerNames.indexOf(name)]!;
    const byClass = createScheduler(className, anySteps, {
      numInferenceSteps: 5,
    });
    expect(byClass.name).toBe(name);
    expect(byClass.timesteps).toEqual(make(5).timesteps);
  });

  test("describes the schedule it was made from", () => {
    const scheduler = make(5);
    expect(scheduler.numTrainTimesteps).toBe(1000);
    expect(scheduler.alphasCumprod).toHaveLength(hasBetas(name) ? 1000 : 0);
    expect(scheduler.predictionType).toBe(
      name === "flow-euler" ? "flow_prediction" : "epsilon",
    );
    expect(scheduler.numInferenceSteps).toBe(5);
  });

  // Singlestep spaces one timestep more than it takes, always by linspace.
  const most = name === "dpm-singlestep" ? 998 : 1000;
  test.each([2, 5, 50, most])("takes %i steps, noisiest first", (steps) => {
    const { timesteps, order } = make(steps);
    const calls = order * steps - (order - 1);
    expect(timesteps).toHaveLength(name === "pndm" ? steps + 1 : calls);
    const pairs = timesteps.slice(1).map((t, i) => timesteps[i]! - t);
    // An ancestral middle lies as deep as the next step, up to a rounding.
    expect(pairs.filter((drop) => drop < -1e-3)).toEqual([]);
    const repeats = { pndm: 1, heun: steps - 1 }[name as string] ?? 0;
    if (name !== "kdpm2-ancestral")
      expect(pairs.filter((drop) => drop === 0)).toHaveLength(repeats);
    const [least, greatest] = make(steps).timestepRange;
    expect(timesteps.every((t) => t >= least - 1e-6)).toBe(true);
    expect(timesteps.every((t) => t <= greatest + 1e-6)).toBe(true);
  });

  test.each([1, 2, 3, most])(
    "ends with finite numbers after %i steps",
    (steps) => {
      const { prevSamples } = trajectory(name, { config: anySteps, steps });
      expect(prevSamples.every(Number.isFinite)).toBe(true);
    },
  );

  test.each([0, -1, 1.5, 1001, NaN])("refuses %d steps", (steps) => {
    const error = failure(() => make(steps));
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toMatch(
      /^Cannot create the .+ scheduler as numInferenceSteps must be an integer in \[1, 1000\]: current value is /,
    );
  });

  test("wants either a number of steps or timesteps", () => {
    for (const run of [{}, { numInferenceSteps: 2, timesteps: [9, 1] }]) {
      expect(() => createScheduler(name, anySteps, run)).toThrow(
        /as one of numInferenceSteps and timesteps must be given: current value is (neither|both)$/,
      );
    }
  });

  test("takes timesteps from the caller where diffusers does", () => {
    const create = (timesteps: number[]) =>
      createScheduler(name, anySteps, { timesteps });
    if (name === "consistency") {
      // indices into levels of noise
      const { timesteps, sigmas } = create([22, 0]);
      expect([timesteps.length, sigmas![0]]).toEqual([2, 80]);
      return;
    }
    if (!takesTimesteps.test(name)) {
      expect(() => create([900, 100])).toThrow(RangeError);
      return;
    }
    expect([...new Set(create([900, 100]).timesteps)]).toEqual([900, 100]);
    expect(create([900, 100]).numInferenceSteps).toBe(2);
    for (const wrong of [[], [100, 900], [5, 5], [1000, 1], [3, -1]]) {
      const { message } = failure(() => create(wrong));
      expect(message).toContain("timesteps must be strictly descending");
    }
  });

  test("scales the network's input, or hands back the very same array", () => {
    const scheduler = make(5);
    const sample = pattern(LENGTH, 3, 1);
    const scaled = scheduler.scaleModelInput(sample, 0);
    if (scheduler.sigmas === undefined || scheduler.initNoiseSigma === 1)
      expect(scaled).toBe(sample);
    else expect(scaled).not.toEqual(sample);
  });

  test("adds more noise at earlier timesteps, and none of its own", () => {
    const scheduler = make(5);
    const [early, late] = [0, scheduler.timesteps.length - 1];
    const [zeros, noise] = [new Float32Array(LENGTH), pattern(LENGTH, 5, 1)];
    const share = (stepIndex: number) =>
      scheduler.addNoise(zeros, noise, stepIndex)[0]! / noise[0]!;
    expect(share(early)).toBeGreaterThan(share(late));
    expect(scheduler.addNoise(zeros, zeros, early)).toEqual(zeros);
    expect(() => scheduler.addNoise(zeros, noise, 999)).toThrow(
      /^Cannot add noise with the .+ as stepIndex must be an integer in \[0, \d+\]: current value is 999$/,
    );
    expect(() => scheduler.addNoise(zeros, noise.subarray(1), early)).toThrow(
      TypeError,
    );
  });

  test.each([-1, 5.5, 9, NaN])("refuses step index %d", (stepIndex) => {
    const scheduler = make(5);
    const sample = pattern(LENGTH, 3, 1);
    const attempts = [
      () => scheduler.step({ ...firstStep(scheduler), stepIndex }),
      () => scheduler.scaleModelInput(sample, stepIndex),
      () => scheduler.needsNoise(stepIndex),
    ];
    for (const attempt of attempts) {
      const error = failure(attempt);
      expect(error).toBeInstanceOf(RangeError);
      expect(error.message).toMatch(
        /^Cannot .+ as stepIndex must be an integer in \[0, [458]\]: current value is /,
      );
    }
  });

  test("refuses an output of another length, and noise where it does not belong", () => {
    const scheduler = make(5);
    const input = firstStep(scheduler);
    const short = input.modelOutput.subarray(1);
    expect(() => scheduler.step({ ...input, modelOutput: short })).toThrow(
      /^Cannot step the .+ as modelOutput must have 24 elements: current value is 23$/,
    );
    const wrong = input.noise ? undefined : pattern(LENGTH, 1, 1);
    const error = failure(() => scheduler.step({ ...input, noise: wrong }));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toMatch(/as noise must (have 24 elements|be absent)/);
  });

  test.runIf(hasBetas(name)).each([
    ["beta_schedule", "quadratic"],
    ["beta_schedule", 3],
    ["prediction_type", "noise"],
    ["num_train_timesteps", 0],
    ["num_train_timesteps", 10.5],
    ["trained_betas", [0.1, 0.2]],
  ])("refuses %s %j by name", (key, value) => {
    const run = { numInferenceSteps: 1 };
    const error = failure(() => createScheduler(name, { [key]: value }, run));
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toMatch(
      new RegExp(
        `^Cannot create the .+ scheduler as ${key} must be .+: current value is .+$`,
      ),
    );
  });

  test.runIf(hasBetas(name)).each([
    ["num_train_timesteps", "1000"],
    ["beta_start", "0.1"],
  ])("refuses %s %j as another type", (key, value) => {
    const config = { [key]: value } as SchedulerConfig;
    expect(() =>
      createScheduler(name, config, { numInferenceSteps: 1 }),
    ).toThrow(TypeError);
  });
});
