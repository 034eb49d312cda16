import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import type { ModelFolder } from "../../src/folder/folder.js";
import { openFolder } from "../../src/folder/model-folder.js";
import { loadModelIndex } from "../../src/folder/model-index.js";
import { listPlans, loadPlan } from "../../src/folder/model-plans.js";
import { serveFaults } from "../../../../e2e/fault-server.js";

// Typed: what expect gives is any.
const containing = (text: string): unknown => expect.stringContaining(text);
const matching = (pattern: RegExp): unknown => expect.stringMatching(pattern);

const opened: { folder: ModelFolder; root: string }[] = [];

async function folderWith(files: Record<string, unknown>) {
  const root = await mkdtemp(join(tmpdir(), "phaseskip-index-"));
  for (const [path, value] of Object.entries(files)) {
    await mkdir(join(root, path, ".."), { recursive: true });
    const isRaw = typeof value === "string" || value instanceof Uint8Array;
    const content = isRaw ? value : JSON.stringify(value);
    await writeFile(join(root, path), content);
  }
  const folder = await openFolder(root);
  opened.push({ folder, root });
  return folder;
}

afterEach(async () => {
  for (const { folder, root } of opened.splice(0)) {
    await folder.close();
    await rm(root, { recursive: true });
  }
});

const fixture = (path: string) =>
  readFile(new URL(`../../../../models/${path}`, import.meta.url));
const ddpmUnet = await fixture("tiny-ddpm-ts/unet/model.onnx");
const sdUnet = await fixture("tiny-sd-ts/unet/model.onnx");
const vaeDecoder = await fixture("tiny-sd-ts/vae_decoder/model.onnx");
const textEncoder = await fixture("tiny-sd-ts/text_encoder/model.onnx");

const ddpm = {
  "unet/model.onnx": ddpmUnet,
  "model_index.json": {
    _class_name: "DDPMPipeline",
    _diffusers_version: "0.42.1",
    unet: ["diffusers", "UNet2DModel"],
    scheduler: ["diffusers", "DDPMScheduler"],
  },
  "unet/config.json": { sample_size: 32, in_channels: 3, out_channels: 3 },
  "scheduler/scheduler_config.json": { beta_schedule: "linear" },
};

const stableDiffusion = {
  ...ddpm,
  "unet/model.onnx": sdUnet,
  "vae_decoder/model.onnx": vaeDecoder,
  "model_index.json": {
    _class_name: "StableDiffusionPipeline",
    unet: ["diffusers", "UNet2DConditionModel"],
    scheduler: ["diffusers", "PNDMScheduler"],
    text_encoder: ["transformers", "CLIPTextModel"],
    tokenizer: ["transformers", "CLIPTokenizer"],
    vae: ["diffusers", "AutoencoderKL"],
    safety_checker: [null, null],
  },
  "unet/config.json": {
    sample_size: [64, 96],
    in_channels: 4,
    out_channels: 4,
    cross_attention_dim: 768,
    down_block_types: ["DownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
  },
  "vae_decoder/config.json": {
    scaling_factor: 0.13025,
    block_out_channels: [4, 8],
  },
};

function withIndex<T extends object>(base: T, index: object) {
  return { ...base, "model_index.json": index };
}

describe("an outdated scheduler file in a pipeline of Stable Diffusion", () => {
  const load = async (
    _class_name: string,
    scheduler: string,
    file: Record<string, unknown>,
  ) => {
    const { "model_index.json": index } = stableDiffusion;
    const folder = await folderWith({
      ...stableDiffusion,
      "model_index.json": {
        ...index,
        _class_name,
        scheduler: ["diffusers", scheduler],
      },
      "scheduler/scheduler_config.json": file,
    });
    return loadModelIndex(folder);
  };

  // what diffusers 0.42.1 has in scheduler.config after the pipeline is made
  test.each([
    ["StableDiffusionPipeline", "DDIMScheduler", {}, 1, false],
    ["StableDiffusionPipeline", "PNDMScheduler", {}, 1, undefined],
    [
      "StableDiffusionImg2ImgPipeline",
      "DDIMScheduler",
      { steps_offset: 0, clip_sample: true },
      ...[1, false],
    ],
    [
      "OnnxStableDiffusionPipeline",
      "DDPMScheduler",
      {
        steps_offset: 1,
        clip_sample: false,
        _use_default_values: ["steps_offset", "clip_sample"],
      },
      ...[1, false],
    ],
    [
      "StableDiffusionInpaintPipeline",
      "DDIMScheduler",
      { clip_sample: true },
      ...[1, true],
    ],
    [
      "StableDiffusionPipeline",
      "EDMEulerScheduler",
      {},
      ...[undefined, undefined],
    ],
  ] as const)(
    "%s with %s and %j: as diffusers reads it",
    async (pipeline, scheduler, file, offset, clip) => {
      const { schedulerConfig, warnings } = await load(
        pipeline,
        scheduler,
        file,
      );
      expect(schedulerConfig["steps_offset"]).toBe(offset);
      expect(schedulerConfig["clip_sample"]).toBe(clip);
      expect(schedulerConfig["_use_default_values"] ?? []).toEqual([]);
      const told = warnings.filter((one) => one.includes("outdated"));
      expect(told).toHaveLength(offset === undefined ? 0 : 1);
    },
  );

  test("PNDM starts short for inpainting, as its pipeline wants", async () => {
    const pipeline = "StableDiffusionInpaintPipeline";
    const { schedulerConfig } = await load(pipeline, "PNDMScheduler", {
      steps_offset: 1,
      clip_sample: false,
      skip_prk_steps: false,
    });
    expect(schedulerConfig["skip_prk_steps"]).toBe(true);
  });

  test("a pipeline with a ControlNet leaves the file as it is", async () => {
    const file = { steps_offset: 0, clip_sample: true };
    const pipeline = "StableDiffusionControlNetPipeline";
    const { schedulerConfig } = await load(pipeline, "DDIMScheduler", file);
    expect(schedulerConfig).toMatchObject(file);
  });
});

describe("loadModelIndex()", () => {
  test("reads an unconditional model in pixel space", async () => {
    expect(await loadModelIndex(await folderWith(ddpm))).toEqual({
      pipelineClass: "DDPMPipeline",
      unetPath: "unet/model.onnx",
      hasTextEncoder: false,
      hasTextEncoder2: false,
      textEncoders: [],
      hasVae: false,
      unetConfig: {
        sampleSize: [32, 32],
        sizeMultiple: 4,
        inChannels: 3,
        sampleChannels: 3,
        outChannels: 3,
      },
      controlNets: [],
      vaeTileSize: Infinity,
      constants: {},
      preconditioning: "outside",
      schedulerConfig: {
        beta_schedule: "linear",
        _class_name: "DDPMScheduler",
      },
      scalingFactor: 1,
      vaeScaleFactor: 1,
      forceZerosForEmptyPrompt: true,
      warnings: [],
    });
  });

  test("reads a Stable Diffusion model", async () => {
    const index = await loadModelIndex(await folderWith(stableDiffusion));
    expect(index).toMatchObject({
      pipelineClass: "StableDiffusionPipeline",
      hasTextEncoder: true,
      hasVae: true,
      unetConfig: {
        sampleSize: [64, 96],
        sizeMultiple: 4,
      },
      scalingFactor: 0.13025,
      vaeScaleFactor: 2,
    });
    expect(index.guidanceScale).toBeUndefined();
  });

  test("takes the class's scaling factor and the decoder's own enlargement where the VAE has no configuration", async () => {
    const files: Partial<typeof stableDiffusion> = { ...stableDiffusion };
    delete files["vae_decoder/config.json"];
    const index = await loadModelIndex(await folderWith(files));
    expect(index).toMatchObject({ scalingFactor: 0.18215, vaeScaleFactor: 2 });
  });

  test("knows text to pixels by its parts, whatever its class is called", async () => {
    const files = withIndex(stableDiffusion, {
      ...stableDiffusion["model_index.json"],
      _class_name: "PixelTextToImagePipeline",
      vae: [null, null],
      guidance_scale: 3,
      license: "MIT",
    });
    expect(await loadModelIndex(await folderWith(files))).toMatchObject({
      hasTextEncoder: true,
      hasVae: false,
      guidanceScale: 3,
      scalingFactor: 1,
      licence: "MIT",
    });
  });

  test("leaves out the prefix that exporters put before the class", async () => {
    for (const prefix of ["ORT", "Onnx", "Flax"]) {
      const files = withIndex(stableDiffusion, {
        ...stableDiffusion["model_index.json"],
        _class_name: `${prefix}StableDiffusionPipeline`,
      });
      const { pipelineClass } = await loadModelIndex(await folderWith(files));
      expect(pipelineClass).toBe("StableDiffusionPipeline");
    }
  });

  test("takes the scheduler's class from model_index.json, whichever wrote its file", async () => {
    const files = {
      ...ddpm,
      "scheduler/scheduler_config.json": {
        _class_name: "PNDMScheduler",
        beta_schedule: "linear",
      },
    };
    const named = await loadModelIndex(await folderWith(files));
    expect(named.schedulerConfig).toEqual({
      _class_name: "DDPMScheduler",
      beta_schedule: "linear",
    });
    const unnamed = withIndex(files, { _class_name: "DDPMPipeline" });
    const own = await loadModelIndex(await folderWith(unnamed));
    expect(own.schedulerConfig["_class_name"]).toBe("PNDMScheduler");
    const ddim = withIndex(files, { _class_name: "DDIMPipeline" });
    const made = await loadModelIndex(await folderWith(ddim));
    expect(made.schedulerConfig["_class_name"]).toBe("DDIMScheduler");
  });

  test("knows a pipeline that the folder brings along by its class", async () => {
    const files = withIndex(stableDiffusion, {
      ...stableDiffusion["model_index.json"],
      _class_name: ["pipeline", "StableDiffusionCustomPipeline"],
    });
    expect(await loadModelIndex(await folderWith(files))).toMatchObject({
      pipelineClass: "StableDiffusionPipeline",
      hasVae: true,
    });
  });

  test("looks at the folder where model_index.json lists no parts", async () => {
    const files: Partial<typeof stableDiffusion> = withIndex(stableDiffusion, {
      _class_name: "StableDiffusionPipeline",
    });
    delete files["vae_decoder/model.onnx"];
    const folder = await folderWith({
      ...files,
      "text_encoder/model.onnx": "\b",
    });
    expect(await loadModelIndex(folder)).toMatchObject({
      hasTextEncoder: true,
      hasTextEncoder2: false,
      hasVae: false,
    });
  });

  test("reads what XL models need", async () => {
    const files = {
      ...withIndex(stableDiffusion, {
        ...stableDiffusion["model_index.json"],
        _class_name: "StableDiffusionXLPipeline",
        text_encoder_2: ["transformers", "CLIPTextModelWithProjection"],
        force_zeros_for_empty_prompt: false,
      }),
      "unet/config.json": {
        in_channels: 4,
        out_channels: 4,
        sample_size: null,
        cross_attention_dim: [2048, 2048],
      },
    };
    expect(await loadModelIndex(await folderWith(files))).toMatchObject({
      hasTextEncoder2: true,
      unetConfig: {
        sampleSize: undefined,
        crossAttentionDim: 8,
      },
      forceZerosForEmptyPrompt: false,
    });
  });

  test("reads channels, sizes and the text's width from the networks where no configuration is there", async () => {
    const files = {
      "model_index.json": stableDiffusion["model_index.json"],
      "unet/model.onnx": sdUnet,
      "text_encoder/model.onnx": textEncoder,
      "vae_decoder/model.onnx": vaeDecoder,
      "scheduler/scheduler_config.json": {
        steps_offset: 1,
        clip_sample: false,
      },
    };
    expect(await loadModelIndex(await folderWith(files))).toMatchObject({
      unetConfig: {
        sampleSize: undefined,
        sizeMultiple: 2,
        inChannels: 4,
        outChannels: 4,
        crossAttentionDim: 8,
      },
      scalingFactor: 0.18215,
      vaeScaleFactor: 2,
      warnings: [],
    });
  });

  test("knows flat folders by their files' names, and says whose scheduler it takes", async () => {
    const index = await loadModelIndex(
      await folderWith({
        "sd-unet-b2c4h64w64-float16.onnx": sdUnet,
        "Text-Encoder.onnx": textEncoder,
        "sd vae-decoder.onnx": vaeDecoder,
        "safety_checker.onnx": "\b",
      }),
    );
    expect(index).toMatchObject({
      pipelineClass: "StableDiffusionPipeline",
      unetPath: "sd-unet-b2c4h64w64-float16.onnx",
      textEncoders: ["text_encoder"],
      hasVae: true,
      schedulerConfig: { _class_name: "PNDMScheduler" },
    });
    expect(index.warnings).toEqual([containing("scheduler_config.json")]);
  });

  test.each([
    ["StableDiffusionImg2ImgPipeline", "StableDiffusionPipeline"],
    ["OnnxStableDiffusionInpaintPipeline", "StableDiffusionPipeline"],
    ["ORTStableDiffusionInpaintPipeline", "StableDiffusionPipeline"],
    ["OnnxStableDiffusionInpaintPipelineLegacy", "StableDiffusionPipeline"],
    ["StableDiffusionPanoramaPipeline", "StableDiffusionPipeline"],
    ["LatentConsistencyModelImg2ImgPipeline", "LatentConsistencyModelPipeline"],
  ])("takes a %s for a %s, by its parts", async (_class_name, wanted) => {
    const files = withIndex(stableDiffusion, {
      ...stableDiffusion["model_index.json"],
      _class_name,
    });
    const index = await loadModelIndex(await folderWith(files));
    expect(index.pipelineClass).toBe(wanted);
  });

  test("takes a second encoder alone for a text's, as Stable Diffusion XL's refiner has it", async () => {
    const files = withIndex(stableDiffusion, {
      ...stableDiffusion["model_index.json"],
      _class_name: "StableDiffusionXLImg2ImgPipeline",
      text_encoder: [null, null],
      text_encoder_2: ["transformers", "CLIPTextModelWithProjection"],
    });
    expect(await loadModelIndex(await folderWith(files))).toMatchObject({
      pipelineClass: "StableDiffusionXLPipeline",
      hasTextEncoder: true,
      textEncoders: ["text_encoder_2"],
    });
  });

  test("refuses a VAE whose latents are more than scaled", async () => {
    const files = {
      ...stableDiffusion,
      "vae_decoder/config.json": { scaling_factor: 0.3, shift_factor: 0.1 },
    };
    await expect(loadModelIndex(await folderWith(files))).rejects.toMatchObject(
      {
        code: "model-unsupported",
        message: expect.stringContaining("shift_factor") as string,
      },
    );
  });

  test.each(["FluxPipeline", "IFPipeline"])(
    "refuses a %s, naming the known classes",
    async (_class_name) => {
      const files = withIndex(stableDiffusion, {
        ...stableDiffusion["model_index.json"],
        _class_name,
        text_encoder: ["transformers", "T5EncoderModel"],
        vae: [null, null],
      });
      const error = loadModelIndex(await folderWith(files));
      await expect(error).rejects.toMatchObject({
        code: "model-unsupported",
        message: matching(
          new RegExp(`${_class_name}.*DDPMPipeline.*StableDiffusionXLPipeline`),
        ),
      });
    },
  );

  test.each<[string, object, RegExp]>([
    [
      "no model_index.json",
      { "model_index.json": undefined, "unet/model.onnx": undefined },
      /has no model_index\.json/,
    ],
    [
      "no class",
      withIndex({}, { unet: [] }),
      /model_index\.json .*_class_name/,
    ],
    [
      "a list for an index",
      withIndex({}, []),
      /model_index\.json .*no JSON object/,
    ],
    ["a page for an index", { "model_index.json": "<html>" }, /web page/],
    ["no Unet", { "unet/model.onnx": undefined }, /has no unet\/model\.onnx/],
    [
      "PyTorch's weights alone",
      {
        "unet/model.onnx": undefined,
        "unet/diffusion_pytorch_model.safetensors": "\b",
      },
      /PyTorch's weights \(unet\/diffusion_pytorch_model\.safetensors\); export it to ONNX/,
    ],
    [
      "no scheduler",
      { "scheduler/scheduler_config.json": undefined },
      /scheduler_config/,
    ],
  ])("throws model-invalid for %s", async (_, change, message) => {
    const files = Object.entries({ ...ddpm, ...change }).filter(
      ([, value]) => value !== undefined,
    );
    const folder = await folderWith(Object.fromEntries(files));
    await expect(loadModelIndex(folder)).rejects.toMatchObject({
      code: "model-invalid",
      message: matching(message),
    });
  });

  test("throws fetch-failed where there is nothing at a URL", async () => {
    const server = await serveFaults({});
    const folder = await openFolder(server.url, { cache: false });
    await expect(loadModelIndex(folder)).rejects.toMatchObject({
      code: "fetch-failed",
      message: containing(server.url),
    });
    await server.close();
  });
});

describe("loadPlan()", () => {
  test("reads plans/NAME.json, listed or not", async () => {
    const folder = await folderWith({ "plans/a b.json": { name: "a b" } });
    expect(await loadPlan(folder, "a b")).toEqual({ name: "a b" });
    expect(await listPlans(folder)).toEqual([]);
  });

  test("throws plan-invalid that names the plans there are", async () => {
    const folder = await folderWith({
      "phaseskip.json": { plans: ["quality", "balanced"] },
      "secret.json": {},
    });
    expect(await listPlans(folder)).toEqual(["quality", "balanced"]);
    for (const name of ["fast", "../secret", "", ".", "a\\b"]) {
      await expect(loadPlan(folder, name)).rejects.toMatchObject({
        code: "plan-invalid",
        message: containing("quality, balanced"),
      });
    }
    const bare = await folderWith({ "phaseskip.json": { plans: { x: {} } } });
    expect(await listPlans(bare)).toEqual(["x"]);
  });
});
