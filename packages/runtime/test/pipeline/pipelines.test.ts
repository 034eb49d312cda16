// Whole pipelines of every kind against diffusers' own, and what they refuse.

import { readFileSync, readdirSync } from "node:fs";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { generator } from "@phaseskip/scheduler";
import { afterAll, describe, expect, test, vi } from "vitest";
import { readNpy } from "../../../cli/src/pictures/npy.js";
import {
  readModelProto,
  readTensorShapeProtoDimension,
  writeModelProto,
} from "../../../graph/src/onnx/onnx_pb.js";
import { create, decode, encode } from "../../../graph/src/onnx/wire.js";
import { openFolder } from "../../src/folder/model-folder.js";
import type { InputPicture } from "../../src/picture/input-picture.js";
import { Model } from "../../src/pipeline/model.js";
import type {
  DenoiseOptions,
  GenerateOptions,
} from "../../src/pipeline/request.js";
import { parseRequest } from "../../src/pipeline/request.js";
import type { RunResult } from "../../src/pipeline/run.js";
import { runPipeline } from "../../src/pipeline/run.js";
import { openDevice } from "../../src/device/session.js";
import { fewSteps, relativeError } from "./pipeline-cases.js";
import { fixtureFolder } from "../unet/unet-runs.js";
import { finishRun } from "./finish-run.js";

// What is asked for is 1e-3 of the sample's standard deviation, as of every golden run.
const tolerance = 1e-3;
/** What one device calls the same. */
const same = 1e-5;

vi.setConfig({ testTimeout: 60_000 });

interface GoldenPipeline {
  readonly model: string;
  readonly options: GenerateOptions;
  readonly sample: string;
  readonly image?: string;
  readonly mask?: string;
  readonly control0?: string;
  readonly control1?: string;
  readonly initNoise?: string;
  readonly latents?: string;
  readonly picture?: string;
}

const folder = new URL("../golden-pipelines/", import.meta.url);
const names = readdirSync(folder)
  .filter((name) => name.endsWith(".json"))
  .map((name) => name.replace(/\.json$/, ""));
const array = (name: string) => readNpy(fileURLToPath(new URL(name, folder)));

/** A picture from levels of 0 to 255: `[3, height, width]` or grey, `[height, width]`. */
async function picture(name: string): Promise<InputPicture> {
  const { shape, data: levels } = await array(name);
  const [height = 0, width = 0] = shape.slice(-2);
  const pixels = height * width;
  const data = new Uint8ClampedArray(4 * pixels).fill(255);
  for (let i = 0; i < pixels; i++)
    for (let c = 0; c < 3; c++)
      data[4 * i + c] = levels[(i + c * pixels) % levels.length]!;
  return { data, width, height };
}

const device = await openDevice("wasm", { threads: 1 });
const models = new Map<string, Model>();

async function load(name: string): Promise<Model> {
  const known = models.get(name);
  if (known) return known;
  const model = await Model.load(await openFolder(fixtureFolder(name)), device);
  models.set(name, model);
  return model;
}

afterAll(async () => {
  for (const model of models.values()) await model.dispose();
});

async function draw(name: string, options: DenoiseOptions): Promise<RunResult> {
  return finishRun(runPipeline(await load(name), parseRequest(options)));
}

describe("runPipeline() draws what diffusers' pipelines draw", () => {
  test.each(names)("%s", async (name) => {
    const golden = JSON.parse(
      readFileSync(new URL(`${name}.json`, folder), "utf8"),
    ) as GoldenPipeline;
    const { image, mask, initNoise, control0, control1, latents } = golden;
    const controls = golden.options.control as readonly object[] | undefined;
    const control = [];
    for (const name of [control0, control1])
      if (name !== undefined)
        control.push({
          ...controls![control.length],
          image: await picture(name),
        });
    const { sample, sampleShape, images } = await draw(golden.model, {
      ...golden.options,
      ...(image && { image: await picture(image) }),
      ...(mask && { mask: await picture(mask) }),
      ...(controls && { control }),
      ...(latents && { latents: await array(latents) }),
      ...(initNoise && { initNoise: (await array(initNoise)).data }),
    });
    const right = await array(golden.sample);
    expect(sampleShape).toEqual(right.shape);
    expect(relativeError(sample, right.data)).toBeLessThan(tolerance);
    if (!golden.picture) return;
    const pixels = (await array(golden.picture)).data;
    const { data, width, height } = images[0]!;
    const off = Array.from(pixels, (value, i) => {
      const at = i % (width * height);
      const shown = data[at * 4 + Math.floor(i / (width * height))]!;
      return Math.abs(shown - 255 * Math.min(Math.max(value / 2 + 0.5, 0), 1));
    });
    expect(Math.max(...off)).toBeLessThan(0.51);
  });
});

/** A float image of the fixtures' size, of random levels. */
function floats(seed: number, size = 16): InputPicture {
  const data = generator(seed)
    .randn(3 * size * size)
    .map((value) => Math.tanh(value));
  return { data, width: size, height: size };
}

/** The left half is kept. */
const rightHalf: InputPicture = {
  data: Float32Array.from({ length: 256 }, (_, i) => (i % 16 < 8 ? 0 : 1)),
  width: 16,
  height: 16,
};

describe("runPipeline() from an image", () => {
  test("runs the last steps of the schedule, as many as strength says", async () => {
    const options = { ...fewSteps, image: floats(1), numInferenceSteps: 10 };
    const timesteps = async (more: GenerateOptions) =>
      (await draw("tiny-text-ts", { ...options, ...more })).report.steps.map(
        ({ timestep }) => timestep,
      );
    const { report } = await draw("tiny-text-ts", {
      ...fewSteps,
      numInferenceSteps: 10,
    });
    const all = report.steps.map(({ timestep }) => timestep);
    expect(await timesteps({ strength: 0.35 })).toEqual(all.slice(7));
    expect(await timesteps({})).toEqual(all.slice(2));
    expect(await timesteps({ mask: rightHalf })).toEqual(all);
  });

  test("keeps to the image the better the lower the strength", async () => {
    const image = floats(2);
    const away = async (strength: number) => {
      const options = { ...fewSteps, numInferenceSteps: 20, image, strength };
      const { sample } = await draw("tiny-text-ts", options);
      return relativeError(sample, image.data as Float32Array);
    };
    const distances = [await away(0.05), await away(0.3), await away(0.9)];
    expect(distances).toEqual(distances.toSorted((a, b) => a - b));
  });

  test("keeps every level exactly where the mask is dark, also in previews", async () => {
    const data = Uint8ClampedArray.from({ length: 4 * 256 }, (_, i) => i * 7);
    const image = { data, width: 16, height: 16 };
    const run = runPipeline(
      await load("tiny-text-ts"),
      parseRequest({ ...fewSteps, image, mask: rightHalf, preview: 1 }),
    );
    const pictures: Uint8ClampedArray[] = [];
    let step = await run.next();
    for (; !step.done; step = await run.next())
      pictures.push(step.value.preview![0]!.data);
    pictures.push(step.value.images[0]!.data);
    const isKept = (i: number) => (i >> 2) % 16 < 8 && i % 4 < 3;
    for (const drawn of pictures)
      expect(drawn.filter((_, i) => isKept(i))).toEqual(
        data.filter((_, i) => isKept(i)),
      );
    expect(pictures.at(-1)).not.toEqual(data);
  });

  test("takes levels for the floats that they stand for", async () => {
    const levels = new Uint8ClampedArray(4 * 256).fill(51);
    const grey = { data: levels, width: 16, height: 16 };
    const data = new Float32Array(3 * 256).fill(2 * Math.fround(51 / 255) - 1);
    const options = { ...fewSteps, strength: 0.5 };
    const a = await draw("tiny-text-ts", { ...options, image: grey });
    const b = await draw("tiny-text-ts", {
      ...options,
      image: { ...grey, data },
    });
    expect(a.sample).toEqual(b.sample);
  });
});

describe("runPipeline() of a batch", () => {
  test.each(["tiny-text-ts", "tiny-text-ts-static", "tiny-sdxl-ts"])(
    "of %s draws each image as a run of its own does",
    async (name) => {
      const prompt = ["a red boat", "the moon and a cat"];
      const negativePrompt = ["a dog", ""];
      const { sample, sampleShape } = await draw(name, {
        ...fewSteps,
        prompt,
        negativePrompt,
        numImagesPerPrompt: 3,
      });
      expect(sampleShape[0]).toBe(6);
      for (const i of [0, 2, 3, 5]) {
        const which = Math.floor(i / 3);
        const one = await draw(name, {
          ...fewSteps,
          prompt: prompt[which]!,
          negativePrompt: negativePrompt[which]!,
          seed: fewSteps.seed + i,
        });
        const { length } = one.sample;
        expect(sample.length).toBe(6 * length);
        const own = sample.subarray(i * length, (i + 1) * length);
        expect(relativeError(own, one.sample)).toBeLessThan(same);
      }
    },
  );

  test("takes one negative prompt for all", async () => {
    const options = { ...fewSteps, prompt: ["a red boat", "the moon"] };
    const one = await draw("tiny-text-ts", {
      ...options,
      negativePrompt: "a dog",
    });
    const each = await draw("tiny-text-ts", {
      ...options,
      negativePrompt: ["a dog", "a dog"],
    });
    expect(one.sample).toEqual(each.sample);
  });
});

describe("runPipeline() of distilled and XL models", () => {
  test("runs a Unet that is told the weight in one context", async () => {
    const options = { ...fewSteps, numInferenceSteps: 2 };
    const { report } = await draw("tiny-lcm-ts", options);
    expect(report.steps.map(({ contexts }) => contexts.length)).toEqual([1, 1]);
    expect(report.guidanceScale).toBe(fewSteps.guidanceScale);
    expect(report.macs).toBe(report.exactMacs);
    const { numInferenceSteps } = (
      await draw("tiny-lcm-ts", { prompt: fewSteps.prompt })
    ).report;
    expect(numInferenceSteps).toBe(4);
  });

  test("computes what depends on SDXL's sizes alone once", async () => {
    const { report } = await draw("tiny-sdxl-ts", fewSteps);
    expect(report.macs).toBe(report.exactMacs);
    expect(report.exactMacs).toBeLessThan(report.fullMacs);
  });

  test("tells no negative prompt from an empty one", async () => {
    const none = await draw("tiny-sdxl-ts", fewSteps);
    const empty = await draw("tiny-sdxl-ts", {
      ...fewSteps,
      negativePrompt: "",
    });
    expect(relativeError(none.sample, empty.sample)).toBeGreaterThan(0.01);
  });
});

describe("runPipeline() refuses", () => {
  const image = floats(3);
  test.each<[string, string, GenerateOptions, string]>([
    [
      "an image where there is no encoder",
      "tiny-sd-ts",
      { image: floats(4, 32) },
      "has no vae_encoder/model.onnx",
    ],
    [
      "a height that the Unet cannot halve",
      "tiny-text-ts",
      { height: 18 },
      "height must be a multiple of 4 pixels",
    ],
    [
      "a width that VAE and Unet cannot halve",
      "tiny-sd-ts",
      { width: 30 },
      "width must be a multiple of 4 pixels",
    ],
    [
      "another size than the export is fixed to",
      "tiny-text-ts-static",
      { width: 32 },
      "width must be the 16 pixels that the model's export is fixed to",
    ],
    [
      "an image of another size than the export is fixed to",
      "tiny-text-ts-static",
      { image: floats(5, 32) },
      "the image's height must be the 16 pixels",
    ],
    [
      "an image of another size than is asked for",
      "tiny-text-ts",
      { image, height: 32 },
      "must have the height that is drawn, 32 pixels: current value is 16",
    ],
    [
      "an image of other channels",
      "tiny-text-ts",
      { image: { ...image, data: new Float32Array(256) } },
      "must have 3 channels: current number is 1",
    ],
    [
      "a mask of more than one channel",
      "tiny-text-ts",
      { image, mask: image },
      "must have one channel: current number is 3",
    ],
    [
      "a strength that leaves no step",
      "tiny-text-ts",
      { image, strength: 0.1 },
      "strength must leave at least one of 5 steps: current value is 0.1",
    ],
    [
      "another scheduler's option",
      "tiny-text-ts",
      { originalInferenceSteps: 10 },
      "originalInferenceSteps is for the scheduler lcm: current scheduler is ddim",
    ],
  ])("%s", async (_, name, options, message) => {
    await expect(draw(name, { ...fewSteps, ...options })).rejects.toThrow(
      message,
    );
  });

  test.each<[string, string, string | object, string]>([
    [
      "a text encoder without the layer before its last",
      "text_encoder_2/model.onnx",
      "tiny-lcm-ts/text_encoder/model.onnx",
      "text_encoder_2 as it must have an output named hidden_states.0: it has last_hidden_state, pooler_output",
    ],
    [
      "a Unet that reads an encoder that is not there",
      "model_index.json",
      {
        _class_name: "StableDiffusionXLPipeline",
        text_encoder: ["transformers", "CLIPTextModel"],
        vae: ["diffusers", "AutoencoderKL"],
      },
      "nothing supplies its input text_embeds: it needs a second text encoder",
    ],
  ])("%s", async (_, file, content, message) => {
    const root = await mkdtemp(join(tmpdir(), "phaseskip-"));
    const folder = await openFolder(root);
    try {
      await cp(fixtureFolder("tiny-sdxl-ts"), root, { recursive: true });
      await (typeof content === "string"
        ? cp(fixtureFolder(content), join(root, file))
        : writeFile(join(root, file), JSON.stringify(content)));
      const run = async () => {
        const model = await Model.load(folder, device);
        await runPipeline(model, parseRequest(fewSteps)).next();
      };
      await expect(run()).rejects.toMatchObject({
        code: "model-unsupported",
        message: expect.stringContaining(message) as string,
      });
    } finally {
      await folder.close();
      await rm(root, { recursive: true });
    }
  });

  test("a size that the VAE alone is fixed against", async () => {
    const root = await mkdtemp(join(tmpdir(), "phaseskip-"));
    await cp(fixtureFolder("tiny-sd-ts"), root, { recursive: true });
    const path = join(root, "vae_decoder/model.onnx");
    const decoder = decode(readModelProto, new Uint8Array(readFileSync(path)));
    const { dim } = decoder.graph!.input[0]!.type!.tensor_type!.shape!;
    dim[2] = create(readTensorShapeProtoDimension, { dim_value: 16 });
    await writeFile(path, encode(writeModelProto, decoder));
    const model = await Model.load(await openFolder(root), device);
    try {
      const request = parseRequest({ ...fewSteps, height: 40 });
      await expect(runPipeline(model, request).next()).rejects.toThrow(
        "height must be the 32 pixels that the model's vae_decoder is fixed to: current value is 40",
      );
    } finally {
      await model.dispose();
      await rm(root, { recursive: true });
    }
  });

  test("a list of prompts for an unconditional model", async () => {
    const prompt = ["a red boat", "a cat"];
    await expect(draw("tiny-ddpm-ts", { prompt })).rejects.toThrow(
      "this model is unconditional",
    );
  });

  test.each<[string, DenoiseOptions, typeof TypeError, string]>([
    [
      "strength 0",
      { image, strength: 0 },
      RangeError,
      "strength must be above 0",
    ],
    ["strength above 1", { image, strength: 1.01 }, RangeError, "at most 1"],
    [
      "strength without an image",
      { strength: 0.5 },
      TypeError,
      "image is missing",
    ],
    ["a mask without an image", { mask: image }, TypeError, "image is missing"],
    [
      "a mask of another size",
      { image, mask: floats(6, 32) },
      RangeError,
      "mask must have the image's size, 16 × 16 pixels: current size is 32 × 32",
    ],
    [
      "an image of too few bytes",
      { image: { ...image, data: new Uint8ClampedArray(3) } },
      TypeError,
      "a picture of 1024 bytes, 16 × 16 pixels: current number is 3",
    ],
    [
      "an image without a size",
      { image: { data: new Float32Array(3) } as unknown as InputPicture },
      TypeError,
      "image must be a picture with data, width and height",
    ],
    [
      "no prompt of a list",
      { prompt: [] },
      TypeError,
      "prompt must be a string or",
    ],
    [
      "fewer negative prompts than prompts",
      { prompt: ["a", "b", "c"], negativePrompt: ["d", "e"] },
      RangeError,
      "one for each of 3 prompts: current number is 2",
    ],
    ["half a pixel", { height: 7.5 }, RangeError, "height must be an integer"],
    [
      "a size of one number",
      { targetSize: [3] as unknown as [number, number] },
      TypeError,
      "targetSize must be two numbers",
    ],
  ])("%s", (_, options, Kind, message) => {
    expect(() => parseRequest(options)).toThrow(Kind);
    expect(() => parseRequest(options)).toThrow(message);
  });
});
