// The scheduler of a run: asked for by name, with options, or the model's own.

import { describe, expect, test } from "vitest";
import type { ModelIndex } from "../../src/folder/model-index.js";
import { makeScheduler } from "../../src/pipeline/make-scheduler.js";
import { parseRequest } from "../../src/pipeline/request.js";
import type { GenerateOptions } from "../../src/pipeline/request.js";
import { timestepWarnings } from "../../src/unet/timestep-rounding.js";
import { emptyPlan } from "../../src/plan/plan.js";
import { readJson } from "../../src/store/model-file.js";

const file = (text: string) => {
  const bytes = new TextEncoder().encode(text);
  return {
    path: "scheduler/scheduler_config.json",
    size: bytes.length,
    read: () => Promise.resolve(bytes),
  };
};

/** As Python writes the file of a DEIS. */
const saved = `{
  "_class_name": "DEISMultistepScheduler", "algorithm_type": "deis",
  "solver_type": "logrho", "beta_schedule": "scaled_linear",
  "lambda_min_clipped": -Infinity, "variance_type": null,
  "_use_default_values": ["use_karras_sigmas"]
}`;

const make = async (options: GenerateOptions) => {
  const schedulerConfig = (await readJson(file(saved), "a folder")) as Record<
    string,
    unknown
  >;
  const index = {
    schedulerConfig,
    pipelineClass: "StableDiffusionPipeline",
  } as unknown as ModelIndex;
  return makeScheduler(index, parseRequest(options), emptyPlan);
};

describe("readJson()", () => {
  test("reads what Python writes beyond JSON, and leaves strings alone", async () => {
    const text = '{"a": -Infinity, "b": NaN, "c": "NaN, Infinity"}';
    const value = await readJson(file(text), "a folder");
    expect(value).toEqual({ a: -Infinity, b: null, c: "NaN, Infinity" });
  });

  test("refuses what is no JSON even so", async () => {
    await expect(readJson(file('{"a": Infinite}'), "a folder")).rejects.toThrow(
      /^Cannot use a folder as it is no JSON: /,
    );
  });
});

describe("makeScheduler()", () => {
  test("makes the model's own", async () => {
    expect((await make({ numInferenceSteps: 9 })).name).toBe("deis");
  });

  test("makes a class by its name, whatever the file's algorithm", async () => {
    const { name, sigmas } = await make({
      scheduler: "dpmpp-2m",
      numInferenceSteps: 9,
    });
    expect(name).toBe("dpmpp-2m");
    expect(sigmas!.at(-1)).toBe(0);
  });

  test("heeds options, also where the file asks for the default", async () => {
    const plain = await make({ scheduler: "dpmpp-2m", numInferenceSteps: 9 });
    const karras = await make({
      scheduler: { name: "dpmpp-2m", useKarrasSigmas: true },
      numInferenceSteps: 9,
    });
    expect(karras.timesteps).not.toEqual(plain.timesteps);
  });

  test("gives options to the model's own", async () => {
    const { name, timesteps } = await make({
      scheduler: { timestepSpacing: "trailing" },
      numInferenceSteps: 10,
    });
    expect({ name, first: timesteps[0] }).toEqual({ name: "deis", first: 999 });
    expect(timesteps[1]).toBe(899);
  });

  test("takes eta of ddim", async () => {
    const noisy = await make({ scheduler: { name: "ddim", eta: 0.5 } });
    expect(noisy.needsNoise(0)).toBe(true);
  });

  test("refuses an unknown option, naming the nearest", async () => {
    const options = {
      scheduler: { name: "dpmpp-2m", useKarras: true },
    } as const;
    await expect(make(options)).rejects.toThrow(
      /is useKarrasSigmas meant\?\): current option is "useKarras"$/,
    );
  });
});

describe("timestepWarnings()", () => {
  const FLOAT16 = 10;
  const input = { type: FLOAT16, dims: [1] } as unknown as Parameters<
    typeof timestepWarnings
  >[0];

  test("warns of what half precision rounds", () => {
    expect(timestepWarnings(input, [998.3, 20])).toEqual([
      expect.stringMatching(/rounds 998.30 to 998.5: .*"trailing"/) as string,
    ]);
  });

  test("does not where nothing is rounded, or the input is another", () => {
    expect(timestepWarnings(input, [999, 500.25])).toEqual([]);
    const float32 = { ...input!, type: 1 } as typeof input;
    expect(timestepWarnings(float32, [998.3])).toEqual([]);
  });
});
