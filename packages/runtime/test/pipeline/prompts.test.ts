// Weighted and long prompts, embeddings, and text encoders that end early, against diffusers' own.

import { readFileSync, readdirSync } from "node:fs";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test, vi } from "vitest";
import { readNpy } from "../../../cli/src/pictures/npy.js";
import { openDevice } from "../../src/device/session.js";
import { openFolder } from "../../src/folder/model-folder.js";
import { describeModel } from "../../src/pipeline/describe-model.js";
import { Model } from "../../src/pipeline/model.js";
import type { GenerateOptions } from "../../src/pipeline/request.js";
import { parseRequest } from "../../src/pipeline/request.js";
import { runPipeline } from "../../src/pipeline/run.js";
import type { RunResult } from "../../src/pipeline/run.js";
import type { Embeddings } from "../../src/prompt/text-options.js";
import { fixtureFolder } from "../unet/unet-runs.js";
import { fewSteps, relativeError } from "./pipeline-cases.js";
import { finishRun } from "./finish-run.js";

vi.setConfig({ testTimeout: 60_000 });

// What is asked for is 1e-3 of the sample's standard deviation, as of every golden run.
const tolerance = 1e-3;
/** What one device calls the same. */
const same = 1e-5;

interface GoldenPrompt {
  readonly model: string;
  readonly options: GenerateOptions;
  readonly sample: string;
  readonly promptEmbeds?: string;
  readonly negativePromptEmbeds?: string;
}

// Made by models/golden_prompts.py.
const folder = new URL("../golden-prompts/", import.meta.url);
const goldens = readdirSync(folder)
  .filter((name) => name.endsWith(".json"))
  .map((name) => {
    const text = readFileSync(new URL(name, folder), "utf8");
    return { name, ...(JSON.parse(text) as GoldenPrompt) };
  });
const array = (name: string) => readNpy(fileURLToPath(new URL(name, folder)));

const device = await openDevice("wasm", { threads: 1 });
const models = new Map<string, Promise<Model>>();
const roots: string[] = [];

/** A fixture, or the one whose text encoder gives its hidden states. */
function load(name: string): Promise<Model> {
  const open = async () => {
    if (name !== "clip-skip")
      return Model.load(await openFolder(fixtureFolder(name)), device);
    const root = await mkdtemp(join(tmpdir(), "phaseskip-"));
    roots.push(root);
    await cp(fixtureFolder("tiny-sd-image-ts"), root, { recursive: true });
    const encoder = fileURLToPath(new URL("clip-skip/", folder));
    await cp(encoder, root, { recursive: true });
    return Model.load(await openFolder(root), device);
  };
  const known = models.get(name) ?? open();
  models.set(name, known);
  return known;
}

afterAll(async () => {
  for (const model of models.values()) await (await model).dispose();
  for (const root of roots) await rm(root, { recursive: true });
});

async function draw(
  name: string,
  options: GenerateOptions,
): Promise<RunResult> {
  return finishRun(runPipeline(await load(name), parseRequest(options)));
}

describe("runPipeline() reads prompts as diffusers does", () => {
  test.each(goldens)("$name", async ({ name, model, options, sample }) => {
    const loaded = name.startsWith("clip-skip") ? "clip-skip" : model;
    const made = await draw(loaded, { promptStyle: "weighted", ...options });
    const right = await array(sample);
    expect(relativeError(made.sample, right.data)).toBeLessThan(tolerance);
  });

  test.each(goldens.filter((one) => one.promptEmbeds))(
    "$name, embedded by the caller",
    async ({ model, options, sample, promptEmbeds, negativePromptEmbeds }) => {
      const { prompt: _prompt, negativePrompt: _negative, ...rest } = options;
      const made = await draw(model, {
        ...rest,
        promptEmbeds: await array(promptEmbeds!),
        negativePromptEmbeds: await array(negativePromptEmbeds!),
      });
      const right = await array(sample);
      expect(relativeError(made.sample, right.data)).toBeLessThan(tolerance);
    },
  );
});

/** Embeddings of a ramp. */
function ramp(...shape: number[]): Embeddings {
  const length = shape.reduce((a, b) => a * b);
  const data = Float32Array.from({ length }, (_, i) => Math.sin(i));
  return { data, shape };
}

describe("runPipeline() of promptStyle", () => {
  const promptStyle = "weighted";
  const options = {
    ...fewSteps,
    prompt: "a (red:1.4) boat",
    promptStyle,
  } as const;

  test('"plain" takes brackets for text', async () => {
    const weighted = await draw("tiny-sd-image-ts", options);
    const plain = await draw("tiny-sd-image-ts", {
      ...options,
      promptStyle: "plain",
    });
    const text = await draw("tiny-sd-image-ts", {
      ...options,
      prompt: "a \\(red:1.4\\) boat",
    });
    expect(relativeError(plain.sample, text.sample)).toBeLessThan(same);
    expect(relativeError(plain.sample, weighted.sample)).toBeGreaterThan(0.01);
  });

  test('"plain" cuts a long text off, and says so', async () => {
    const prompt = "a red boat on the sea ".repeat(4);
    const cut = await draw("tiny-sd-image-ts", {
      ...fewSteps,
      prompt,
      promptStyle: "plain",
    });
    expect(cut.report.warnings.join()).toContain("the prompt is too long");
    const asked = { ...fewSteps, prompt, promptStyle } as const;
    const whole = await draw("tiny-sd-image-ts", asked);
    expect(whole.report.warnings).toEqual([]);
    expect(relativeError(whole.sample, cut.sample)).toBeGreaterThan(0.01);
  });

  test("cuts a long text off where the export is fixed to a number of tokens", async () => {
    const prompt = "a red boat on the sea at night and the moon and a cat";
    const { report } = await draw("tiny-text-ts-static", {
      ...fewSteps,
      prompt,
    });
    expect(report.warnings.join()).toContain("the prompt is too long");
  });

  test("counts every window of a text", async () => {
    const model = await load("tiny-sd-image-ts");
    const macs = async (prompt: string) => {
      const request = parseRequest({ ...fewSteps, prompt, promptStyle });
      const { pipelineMacs } = await describeModel(model, request, false);
      return pipelineMacs.textEncoder;
    };
    const one = await macs("a boat");
    const long = "a boat ".repeat(10);
    expect(model.textWindows(long)).toBeGreaterThan(1);
    expect(await macs(long)).toBe(model.textWindows(long) * one);
  });
});

describe("runPipeline() of embeddings", () => {
  test("draws each prompt's as a run of its own", async () => {
    const both = ramp(2, 12, 8);
    const { sample } = await draw("tiny-sd-image-ts", {
      ...fewSteps,
      prompt: undefined as never,
      promptEmbeds: both,
      negativePrompt: ["a cat", "a dog"],
    });
    const second = await draw("tiny-sd-image-ts", {
      ...fewSteps,
      prompt: undefined as never,
      seed: fewSteps.seed + 1,
      promptEmbeds: { data: both.data.slice(96), shape: [1, 12, 8] },
      negativePrompt: "a dog",
    });
    const own = sample.subarray(sample.length / 2);
    expect(relativeError(own, second.sample)).toBeLessThan(same);
  });

  test("reads SDXL's vector of the whole text", async () => {
    const { prompt: _, ...rest } = fewSteps;
    const run = (pooled: Embeddings) =>
      draw("tiny-sdxl-ts", {
        ...rest,
        promptEmbeds: ramp(1, 12, 16),
        pooledPromptEmbeds: pooled,
      });
    const a = await run(ramp(1, 8));
    const b = await run({ data: new Float32Array(8), shape: [1, 8] });
    expect(relativeError(a.sample, b.sample)).toBeGreaterThan(0.01);
    expect(a.report.pipelineMacs.textEncoder).toBe(0);
  });
});

describe("runPipeline() refuses", () => {
  const { prompt: _, ...few } = fewSteps;
  test.each<[string, string, GenerateOptions, string]>([
    [
      "embeddings of another width",
      "tiny-sd-image-ts",
      { ...few, promptEmbeds: ramp(1, 12, 9) },
      "promptEmbeds must have the width that the Unet takes, 8: current width is 9",
    ],
    [
      "embeddings beside a negative prompt of another length",
      "tiny-sd-image-ts",
      { ...few, promptEmbeds: ramp(1, 13, 8) },
      "promptEmbeds must have a multiple of the text encoder's 12 tokens where negativePromptEmbeds is missing: current number is 13",
    ],
    [
      "negative embeddings of another length",
      "tiny-sd-image-ts",
      { ...fewSteps, negativePromptEmbeds: ramp(1, 24, 8) },
      "negativePromptEmbeds must have as many tokens as the prompt's, 12: current number is 24",
    ],
    [
      "embeddings without SDXL's vector",
      "tiny-sdxl-ts",
      { ...few, promptEmbeds: ramp(1, 12, 16) },
      "pooledPromptEmbeds is missing",
    ],
    [
      "a vector that the Unet does not take",
      "tiny-sd-image-ts",
      {
        ...few,
        promptEmbeds: ramp(1, 12, 8),
        pooledPromptEmbeds: ramp(1, 8),
      },
      "this Unet takes no text_embeds",
    ],
    [
      "embeddings for an unconditional model",
      "tiny-ddpm-ts",
      { ...few, promptEmbeds: ramp(1, 12, 8) },
      "this model is unconditional",
    ],
    [
      "a second prompt without a second encoder",
      "tiny-sd-image-ts",
      { ...fewSteps, prompt2: "a cat" },
      "prompt2 is for a second text encoder, which this model does not have",
    ],
    [
      "clipSkip where the export hides its layers",
      "tiny-sd-image-ts",
      { ...fewSteps, clipSkip: 1 },
      "text_encoder as it must have an output named hidden_states.0: it has last_hidden_state, pooler_output",
    ],
    [
      "more layers to leave out than there are",
      "clip-skip",
      { ...fewSteps, clipSkip: 4 },
      "Cannot leave out layers of text_encoder as it has 3",
    ],
  ])("%s", async (_, name, options, message) => {
    await expect(draw(name, options)).rejects.toThrow(message);
  });
});

describe("parseRequest() refuses", () => {
  const promptEmbeds = ramp(1, 12, 8);
  test.each<[string, object, typeof TypeError, string]>([
    [
      "a prompt beside embeddings",
      { prompt: "a cat", promptEmbeds },
      TypeError,
      "promptEmbeds takes the place of prompt",
    ],
    [
      "a negative prompt beside embeddings",
      { prompt: "a", negativePrompt: "b", negativePromptEmbeds: promptEmbeds },
      TypeError,
      "negativePromptEmbeds takes the place of negativePrompt",
    ],
    [
      "a second prompt alone",
      { prompt2: "a cat" },
      TypeError,
      "prompt2 goes beside prompt: prompt is missing",
    ],
    [
      "embeddings that are no Float32Array",
      { promptEmbeds: { data: [1], shape: [1, 1, 1] } },
      TypeError,
      "promptEmbeds must have data, a Float32Array, and shape, [prompt, token, width]",
    ],
    [
      "embeddings of two axes",
      { promptEmbeds: ramp(12, 8) },
      RangeError,
      "current shape is [12, 8], of 96 values",
    ],
    [
      "embeddings of another number of values",
      { promptEmbeds: { data: new Float32Array(95), shape: [1, 12, 8] } },
      RangeError,
      "current shape is [1, 12, 8], of 95 values",
    ],
    [
      "negative embeddings for fewer prompts",
      { prompt: ["a", "b"], negativePromptEmbeds: promptEmbeds },
      RangeError,
      "one row for each of 2 prompts: current number is 1",
    ],
    [
      "another style",
      { promptStyle: "compel" },
      TypeError,
      'promptStyle must be "weighted" or "plain": current value is "compel"',
    ],
    [
      "half a layer",
      { clipSkip: 0.5 },
      RangeError,
      "clipSkip must be an integer",
    ],
    [
      "a rescaling above 1",
      { guidanceRescale: 1.5 },
      RangeError,
      "guidanceRescale must be from 0 to 1",
    ],
    [
      "half of the negative prompt's sizes",
      { negativeOriginalSize: [8, 8] },
      TypeError,
      "negativeOriginalSize goes beside negativeTargetSize",
    ],
  ])("%s", (_, options, Kind, message) => {
    expect(() => parseRequest(options as GenerateOptions)).toThrow(Kind);
    expect(() => parseRequest(options as GenerateOptions)).toThrow(message);
  });
});
