// Every sampler under the files that models publish, at ten numbers of steps, against diffusers.

import { readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import { parseSchedulerConfig, schedulerNames } from "@phaseskip/scheduler";
import type { SchedulerConfig, SchedulerName } from "@phaseskip/scheduler";

import { modelRuns, unpacked } from "./golden-file.js";
import type { GoldenModelRun } from "./golden-file.js";
import { largest, network, schedulerOf, trajectory } from "./trajectory.js";
import type { Run } from "./trajectory.js";

/** As in golden.test.ts. */
const TOLERANCE = 1e-6;

const files = parseSchedulerConfig(
  readFileSync(
    new URL("../../../models/scheduler_configs.json", import.meta.url),
    "utf8",
  ),
) as Record<string, SchedulerConfig>;

/** Pipelines cut off a learned variance before other classes see it. */
function configOf(name: SchedulerName, file: string): SchedulerConfig {
  const { variance_type: variance, ...config } = files[file]!;
  const isKnown = ["ddpm", "dpmpp-2m", "dpm-singlestep"].includes(name);
  return isKnown && variance !== undefined
    ? { ...config, variance_type: variance }
    : config;
}

describe.each(schedulerNames)("%s equals diffusers", (name) => {
  describe.each(modelRuns(name))(
    "under the file of $file",
    ({ file, runs }) => {
      const drawn = runs.filter((run) => run.failure === undefined);
      const config = configOf(name, file);
      test.runIf(drawn.length === 0)("is refused by diffusers itself", () => {
        expect(runs.every((run) => run.failure !== undefined)).toBe(true);
      });
      const compare = (golden: GoldenModelRun) => {
        const { steps, noises: path } = golden;
        const run: Run = {
          ...{ config, steps, shape: [3, 1, 1] },
          ...(path !== undefined && { noises: path }),
        };
        const scheduler = schedulerOf(name, run);
        const timesteps = unpacked(golden.timesteps!);
        expect(scheduler.timesteps).toHaveLength(timesteps.length);
        for (const [i, timestep] of timesteps.entries())
          expect(
            Math.abs(scheduler.timesteps[i]! - timestep),
          ).toBeLessThanOrEqual(TOLERANCE * 1000);
        if (golden.sigmas) {
          const sigmas = unpacked(golden.sigmas);
          expect(scheduler.sigmas).toHaveLength(sigmas.length);
          const errors = sigmas.map((s, i) => s - scheduler.sigmas![i]!);
          expect(largest(errors)).toBeLessThanOrEqual(
            TOLERANCE * largest(sigmas),
          );
        }
        const prevSamples = unpacked(golden.prevSamples!);
        const { firstSample, noises } = trajectory(name, run);
        let state = scheduler.initialState();
        for (const [stepIndex, noise] of noises.entries()) {
          const sample =
            stepIndex === 0
              ? firstSample
              : prevSamples.subarray(3 * stepIndex - 3, 3 * stepIndex);
          const scaled = scheduler.scaleModelInput(sample, stepIndex);
          const modelOutput = network(scaled, stepIndex, config);
          const held = state.heldSample ?? sample;
          const input = { modelOutput, sample, stepIndex, state, noise };
          const output = scheduler.step(input);
          const wanted = prevSamples.subarray(3 * stepIndex, 3 * stepIndex + 3);
          const error = largest(
            wanted.map((x, i) => x - output.prevSample[i]!),
          );
          // Samplers that keep the variance divide noise's samples by their signal on the way.
          const alphaCumprod =
            scheduler.initNoiseSigma === 1 &&
            scheduler.predictionType === "epsilon"
              ? (scheduler.alphasCumprod[timesteps[stepIndex]!] ?? 1)
              : 1;
          const magnitude = Math.max(
            largest(sample) / Math.sqrt(alphaCumprod),
            ...[held, wanted, output.predOriginalSample].map(largest),
          );
          expect(error).toBeLessThanOrEqual(TOLERANCE * magnitude);
          ({ state } = output);
        }
      };
      test.each(drawn)("at $steps steps", compare);
    },
  );
});
