// What is particular to single samplers, beyond what the golden runs show.

import { describe, expect, test } from "vitest";

import {
  ddim,
  ddpm,
  dpmpp2m,
  euler,
  lcm,
  pndm,
  stepsBefore,
  timestepsAfter,
  timestepsFrom,
} from "@phaseskip/scheduler";

import { pattern } from "./trajectory.js";

const LENGTH = 24;

describe("ddpm()", () => {
  test("wants noise at every timestep but 0", () => {
    const last = (offset: number) =>
      ddpm({ steps_offset: offset, numInferenceSteps: 4 });
    expect([0, 1, 2, 3].map(last(0).needsNoise)).toEqual([
      true,
      true,
      true,
      false,
    ]);
    expect(last(1).needsNoise(3)).toBe(true);
  });

  test("takes the variance from the output's second half", () => {
    const scheduler = ddpm({
      variance_type: "learned_range",
      numInferenceSteps: 4,
    });
    const [sample, mean] = [pattern(LENGTH, 3, 1), pattern(LENGTH, 7, 0)];
    const prevSample = (variance: number) =>
      scheduler.step({
        modelOutput: Float32Array.from([
          ...mean,
          ...sample.map(() => variance),
        ]),
        sample,
        stepIndex: 1,
        state: scheduler.initialState(),
        noise: pattern(LENGTH, 5, 1),
      }).prevSample;
    expect(prevSample(1)).not.toEqual(prevSample(-1));
    const fixed = ddpm({ numInferenceSteps: 4 });
    const small = fixed.step({
      modelOutput: mean,
      sample,
      stepIndex: 1,
      state: fixed.initialState(),
      noise: pattern(LENGTH, 5, 1),
    }).prevSample;
    const errors = prevSample(-1).map((value, i) =>
      Math.abs(value - small[i]!),
    );
    expect(Math.max(...errors)).toBeLessThan(1e-6);
  });

  test("refuses an output without the variance's half where that is learned", () => {
    const scheduler = ddpm({ variance_type: "learned", numInferenceSteps: 4 });
    const sample = pattern(LENGTH, 3, 1);
    const state = scheduler.initialState();
    const step = () =>
      scheduler.step({ modelOutput: sample, sample, stepIndex: 3, state });
    expect(step).toThrow(
      "modelOutput must have 48 elements: current value is 24",
    );
  });
});

describe("ddim()", () => {
  test("wants noise at every step above eta 0, and else never", () => {
    const indices = [0, 1, 2];
    const wants = (eta?: number) =>
      indices.map(ddim({ numInferenceSteps: 3, eta }).needsNoise);
    expect(wants()).toEqual([false, false, false]);
    expect(wants(0.2)).toEqual([true, true, true]);
  });

  test("leaves out the timestep −1 that rounding adds to trailing spacing", () => {
    for (const numInferenceSteps of [61, 103, 499, 998]) {
      const { timesteps } = ddim({
        timestep_spacing: "trailing",
        numInferenceSteps,
      });
      expect(timesteps).toHaveLength(numInferenceSteps);
      expect(timesteps.at(-1)).toBeGreaterThanOrEqual(0);
      expect(timesteps[0]).toBe(999);
    }
  });

  test("rounds halves to the even timestep", () => {
    const { timesteps } = ddim({
      timestep_spacing: "linspace",
      numInferenceSteps: 3,
    });
    expect(timesteps).toEqual([999, 500, 0]);
  });
});

describe("euler()", () => {
  test("has fractional timesteps by default", () => {
    const { timesteps } = euler({ numInferenceSteps: 4 });
    expect(timesteps).toEqual([999, 666, 333, 0]);
    expect(euler({ numInferenceSteps: 3 }).timesteps).toEqual([999, 499.5, 0]);
  });
});

describe("dpmpp2m()", () => {
  test("drops the variance's half of an output with a learned variance", () => {
    const [sample, mean] = [pattern(LENGTH, 3, 1), pattern(LENGTH, 7, 0)];
    const step = (variance_type: string | null, modelOutput: Float32Array) => {
      const scheduler = dpmpp2m({ variance_type, numInferenceSteps: 4 });
      const state = scheduler.initialState();
      return scheduler.step({ modelOutput, sample, stepIndex: 0, state });
    };
    const both = Float32Array.from([...mean, ...pattern(LENGTH, 5, 0)]);
    expect(step("learned_range", both)).toEqual(step(null, mean));
    expect(() => step("fixed_small", both)).toThrow(TypeError);
  });

  test("carries one clean sample, and none at order 1", () => {
    const carried = (solver_order: number) => {
      const scheduler = dpmpp2m({ solver_order, numInferenceSteps: 4 });
      let state = scheduler.initialState();
      for (const stepIndex of [0, 1, 2]) {
        const sample = pattern(LENGTH, 3, stepIndex);
        state = scheduler.step({
          modelOutput: sample,
          sample,
          stepIndex,
          state,
        }).state;
      }
      return state.modelOutputs.length;
    };
    expect([carried(1), carried(2)]).toEqual([0, 1]);
  });
});

describe("pndm()", () => {
  test("repeats its second timestep where it skips the Runge-Kutta start", () => {
    const { timesteps } = pndm({
      skip_prk_steps: true,
      steps_offset: 1,
      numInferenceSteps: 5,
    });
    expect(timesteps).toEqual([801, 601, 601, 401, 201, 1]);
  });

  test("starts with three groups of four calls", () => {
    const { timesteps } = pndm({ numInferenceSteps: 5 });
    const groups = [800, 700, 700, 600, 600, 500, 500, 400, 400, 300, 300, 200];
    expect(timesteps).toEqual([...groups, 200, 0]);
  });
});

describe("lcm()", () => {
  test("takes its timesteps from the distilled schedule", () => {
    expect(lcm({ numInferenceSteps: 4 }).timesteps).toEqual([
      999, 759, 499, 259,
    ]);
  });

  test("wants noise at every step but the last", () => {
    expect([0, 1, 2].map(lcm({ numInferenceSteps: 3 }).needsNoise)).toEqual([
      true,
      true,
      false,
    ]);
  });
});

describe("lcm()", () => {
  const steps = (strength: number, count: number) =>
    lcm({ strength, numInferenceSteps: count }).timesteps;

  test("spreads its steps over the part that strength leaves", () => {
    expect(steps(1, 4)).toEqual([999, 759, 499, 259]);
    expect(steps(0.5, 4)).toEqual([499, 379, 259, 139]);
    const given = { timesteps: [999, 759, 499, 259] };
    expect(lcm({ ...given, strength: 0.5 }).timesteps).toEqual([499, 259]);
  });

  test("throws RangeError where strength leaves fewer steps", () => {
    expect(() => steps(0.05, 4)).toThrow(
      new RangeError(
        "Cannot create the LCM scheduler as numInferenceSteps must be at most original_inference_steps (50) times the strength 0.05: current value is 4",
      ),
    );
  });
});

describe("stepsBefore() and timestepsAfter()", () => {
  test.each([0.2, 0.55, 0.8])("part %d of the way", (part) => {
    for (const scheduler of [
      ddim({ numInferenceSteps: 10 }),
      euler({ numInferenceSteps: 10 }),
    ]) {
      const { timesteps } = scheduler;
      const before = stepsBefore(scheduler, timesteps, part);
      const { startIndex } = timestepsAfter(scheduler, part);
      expect(startIndex).toBe(before);
      expect(timesteps[before - 1]).toBeGreaterThanOrEqual(1000 * (1 - part));
      expect(timesteps[before]).toBeLessThan(1000 * (1 - part));
    }
  });

  test("throw RangeError for parts that are none", () => {
    const scheduler = ddim({ numInferenceSteps: 10 });
    expect(() => timestepsAfter(scheduler, 1)).toThrow(
      "denoisingStart must be above 0 and below 1: current value is 1",
    );
    expect(() => stepsBefore(scheduler, scheduler.timesteps, NaN)).toThrow(
      "denoisingEnd must be above 0 and below 1: current value is NaN",
    );
  });
});

describe("timestepsFrom()", () => {
  const scheduler = ddim({ numInferenceSteps: 10 });

  test.each([
    [1, 0],
    [0.75, 3],
    [0.3, 7],
    [0.09, 10],
    [0, 10],
  ])("strength %d starts at index %i", (strength, startIndex) => {
    const { timesteps } = scheduler;
    const wanted = { startIndex, timesteps: timesteps.slice(startIndex) };
    expect(timestepsFrom(scheduler, strength)).toEqual(wanted);
  });

  test.each([-0.1, 1.1, NaN])(
    "throws RangeError for strength %d",
    (strength) => {
      expect(() => timestepsFrom(scheduler, strength)).toThrow(
        new RangeError(
          `Cannot cut the schedule as strength must be a number in [0, 1]: current value is ${strength}`,
        ),
      );
    },
  );
});
