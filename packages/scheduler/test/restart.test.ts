// What every sampler keeps to about its inputs and its state, in each of its ways of stepping:
// a run can be repeated, interrupted, moved to another instance, and mixed with others.

import { describe, expect, test } from "vitest";

import { schedulerNames } from "@phaseskip/scheduler";
import type { SchedulerConfig, SchedulerState } from "@phaseskip/scheduler";

import { network, schedulerOf, trajectory } from "./trajectory.js";
import type { Run } from "./trajectory.js";

const config: SchedulerConfig = {
  beta_schedule: "scaled_linear",
  skip_prk_steps: true,
};
const plain: Run = { config, steps: 7 };

const ways: readonly (readonly [way: string, name: string, run: Run])[] = [
  ...schedulerNames.map((name) => [name, name, plain] as const),
  [
    "ddpm that learned a range",
    "ddpm",
    { config: { variance_type: "learned_range" }, steps: 7 },
  ],
  ["ddim with eta", "ddim", { ...plain, eta: 0.6 }],
  [
    "ddim without clipping",
    "ddim",
    { config: { clip_sample: false }, steps: 7 },
  ],
  [
    "ddim of a clean sample",
    "ddim",
    { config: { clip_sample: false, prediction_type: "sample" }, steps: 7 },
  ],
  [
    "dpmpp-2m of order 1",
    "dpmpp-2m",
    { config: { solver_order: 1 }, steps: 7 },
  ],
  [
    "dpmpp-2m of a clean sample",
    "dpmpp-2m",
    { config: { prediction_type: "sample" }, steps: 7 },
  ],
  ["pndm with its Runge-Kutta start", "pndm", { config: {}, steps: 7 }],
  [
    "lcm of a clean sample",
    "lcm",
    { config: { prediction_type: "sample" }, steps: 7 },
  ],
];

/** One run, step by step; each step in an instance of its own. */
function* stepping(name: string, run: Run) {
  const { firstSample, noises } = trajectory(name, run);
  let state = schedulerOf(name, run).initialState();
  let sample: Float32Array = firstSample;
  for (const [stepIndex, noise] of noises.entries()) {
    const scheduler = schedulerOf(name, run);
    const scaled = scheduler.scaleModelInput(sample, stepIndex);
    const modelOutput = network(scaled, stepIndex, run.config);
    const input = { modelOutput, sample, stepIndex, state, noise };
    const output = scheduler.step(input);
    const { prevSample } = output;
    state = output.state;
    sample = prevSample.slice();
    yield { input, output, prevSample: prevSample.slice(), state };
  }
}

describe.each(ways)("%s", (_, name, run) => {
  const { prevSamples, noises } = trajectory(name, run);
  const length = prevSamples.length / noises.length;
  const prevSampleAt = (stepIndex: number) =>
    prevSamples.slice(stepIndex * length, (stepIndex + 1) * length);

  test("gives the same numbers again", () => {
    expect(trajectory(name, run).prevSamples).toEqual(prevSamples);
  });

  test("goes on from a cloned state, byte for byte", () => {
    const cloned = trajectory(name, run, structuredClone);
    expect(cloned.prevSamples).toEqual(prevSamples);
  });

  test("goes on in another instance, byte for byte, and counts its steps", () => {
    let last: SchedulerState | undefined;
    for (const { input, prevSample, state } of stepping(name, run)) {
      expect(prevSample).toEqual(prevSampleAt(input.stepIndex));
      last = state;
    }
    expect(last?.counter).toBe(noises.length);
  });

  test("keeps neither what it was given nor what it returned", () => {
    for (const { input, output, prevSample } of stepping(name, run)) {
      expect(prevSample).toEqual(prevSampleAt(input.stepIndex));
      const { modelOutput, sample, noise } = input;
      const { predOriginalSample } = output;
      const handed = [
        modelOutput,
        sample,
        noise,
        output.prevSample,
        predOriginalSample,
      ];
      for (const array of handed) array?.fill(99);
    }
  });

  test("leaves what it is given as it was", () => {
    for (const { input } of stepping(name, run)) {
      const copy = structuredClone(input);
      schedulerOf(name, run).step(input);
      expect(input).toEqual(copy);
    }
  });

  test("returns arrays that share memory with nothing", () => {
    for (const { input, output } of stepping(name, run)) {
      const { prevSample, predOriginalSample } = output;
      const { modelOutput, sample, noise } = input;
      const arrays = [prevSample, predOriginalSample, modelOutput, sample];
      if (noise) arrays.push(noise);
      const buffers = new Set(arrays.map((array) => array.buffer));
      expect(buffers.size).toBe(arrays.length);
    }
  });

  test("steps two images in turn as it steps each alone", () => {
    const other = { ...run, seed: 8 };
    const shared = schedulerOf(name, run);
    const images = [run, other].map((own) => ({
      ...trajectory(name, own),
      state: shared.initialState(),
      all: [] as number[],
    }));
    const samples: Float32Array[] = images.map((image) => image.firstSample);
    for (const stepIndex of noises.keys()) {
      for (const [i, image] of images.entries()) {
        const sample = samples[i]!;
        const scaled = shared.scaleModelInput(sample, stepIndex);
        const modelOutput = network(scaled, stepIndex, run.config);
        const noise = image.noises[stepIndex];
        const output = shared.step({
          modelOutput,
          sample,
          stepIndex,
          state: image.state,
          noise,
        });
        image.state = output.state;
        image.all.push(...output.prevSample);
        samples[i] = output.prevSample;
      }
    }
    for (const { all, prevSamples } of images)
      expect(Float32Array.from(all)).toEqual(prevSamples);
    expect(images[0]!.prevSamples).not.toEqual(images[1]!.prevSamples);
  });
});
