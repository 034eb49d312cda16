// What a model folder says about itself: model_index.json and the configurations
// of its parts, as one value.

import { PhaseskipError } from "@phaseskip/graph";
import type { ModelFolder } from "./folder.js";

/** The pipeline classes of diffusers that are known here. */
const PIPELINE_CLASSES = [
  "DDPMPipeline",
  "DDIMPipeline",
  "StableDiffusionPipeline",
  "LatentConsistencyModelPipeline",
  "StableDiffusionXLPipeline",
] as const;

/** What AutoencoderKL takes where its configuration says nothing (diffusers 0.42, autoencoder_kl.py). */
const SCALING_FACTOR = 0.18215;

/** The Unet's configuration, as far as the ONNX file does not say it itself. */
export interface UnetConfig {
  /** Height and width of the sample, in pixels or latent pixels; `undefined` where the model leaves it open. */
  readonly sampleSize: readonly [height: number, width: number] | undefined;
  /** Sides of the sample are multiples of this: each block but the last halves them. */
  readonly sizeMultiple: number;
  /** Channels of the sample. */
  readonly inChannels: number;
  /** Channels of the output; more than `inChannels` where it holds a learned variance. */
  readonly outChannels: number;
  /** Width of the text embedding; `undefined`: the Unet takes no text. */
  readonly crossAttentionDim: number | undefined;
}

/** What a model folder holds. */
export interface ModelIndex {
  /** diffusers' class, without the prefix that exporters put before it. */
  readonly pipelineClass: string;
  /** Whether the Unet is conditioned on a text. */
  readonly hasTextEncoder: boolean;
  /** Whether there is a second text encoder. */
  readonly hasTextEncoder2: boolean;
  /** Whether the sample is a latent that a VAE decodes. */
  readonly hasVae: boolean;
  /** unet/config.json. */
  readonly unetConfig: UnetConfig;
  /** scheduler/scheduler_config.json, as it is. */
  readonly schedulerConfig: Readonly<Record<string, unknown>>;
  /** Guidance weight that the model asks for, 1 = off; `undefined` where it says nothing. */
  readonly guidanceScale: number | undefined;
  /** The latent is divided by this before it is decoded; 1 without a VAE. */
  readonly scalingFactor: number;
  /** Pixels per latent pixel, in both directions; 1 without a VAE. */
  readonly vaeScaleFactor: number;
  /** SDXL: whether guidance leads away from zeros, not from the embedding of "", where no negative prompt is given. */
  readonly forceZerosForEmptyPrompt: boolean;
  /** The model's licence, where model_index.json names it. */
  readonly licence: string | undefined;
}

/**
 * Reads what a model folder holds.
 * @throws {PhaseskipError} `model-unsupported` If its pipeline is of another class; `model-invalid` if a file
 * is missing or wrong; `fetch-failed` if there is no model at that URL.
 */
export async function loadModelIndex(
  folder: ModelFolder,
  signal?: AbortSignal,
): Promise<ModelIndex> {
  const index = await jsonObject(folder, "model_index.json", signal);
  const pipelineClass = text(index["_class_name"])?.replace(/^(ORT|Onnx)/, "");
  if (pipelineClass === undefined) {
    throw invalid(folder, "model_index.json", "it has no _class_name");
  }
  const has = await partsOf(folder, index, signal);
  assertKnown(folder, pipelineClass, index, has);

  const unet = await jsonObject(folder, "unet/config.json", signal);
  const scheduler = "scheduler/scheduler_config.json";
  const schedulerConfig = await jsonObject(folder, scheduler, signal);
  const vae = has.vae
    ? await folder.json("vae_decoder/config.json", signal, { optional: true })
    : { scaling_factor: 1, block_out_channels: [1] };
  const vaeConfig = isObject(vae) ? vae : {};
  for (const key of ["latents_mean", "shift_factor"]) {
    if (!vaeConfig[key]) continue;
    throw new PhaseskipError(
      "model-unsupported",
      `Cannot load the model at ${folder.location} as its VAE's ${key} must be left out: its latents are more than scaled`,
    );
  }
  return {
    pipelineClass,
    hasTextEncoder: has.textEncoder,
    hasTextEncoder2: has.textEncoder2,
    hasVae: has.vae,
    unetConfig: unetConfig(folder, unet),
    schedulerConfig,
    guidanceScale: number(index["guidance_scale"]),
    scalingFactor: number(vaeConfig["scaling_factor"]) ?? SCALING_FACTOR,
    vaeScaleFactor: halvings(vaeConfig["block_out_channels"]) ?? 8,
    forceZerosForEmptyPrompt: index["force_zeros_for_empty_prompt"] !== false,
    licence: text(index["licence"]) ?? text(index["license"]),
  };
}

interface Parts {
  readonly textEncoder: boolean;
  readonly textEncoder2: boolean;
  readonly vae: boolean;
}

/** Which parts there are: model_index.json lists them as `[library, class]`, with nulls for one left out. */
async function partsOf(
  folder: ModelFolder,
  index: Record<string, unknown>,
  signal: AbortSignal | undefined,
): Promise<Parts> {
  if (Object.values(index).some(Array.isArray)) {
    const lists = (part: string) => partClass(index, part) !== undefined;
    return {
      textEncoder: lists("text_encoder"),
      textEncoder2: lists("text_encoder_2"),
      vae: lists("vae") || lists("vae_decoder"),
    };
  }
  const holds = async (part: string) =>
    (await folder.file(`${part}/model.onnx`, signal, { optional: true })) !==
    undefined;
  return {
    textEncoder: await holds("text_encoder"),
    textEncoder2: await holds("text_encoder_2"),
    vae: await holds("vae_decoder"),
  };
}

function partClass(
  index: Record<string, unknown>,
  part: string,
): string | undefined {
  const entry = index[part];
  return Array.isArray(entry) ? text(entry[1]) : undefined;
}

/** Text to pixels has no class of its own in diffusers: it is known by a conditional Unet, CLIP, and no VAE. */
function assertKnown(
  folder: ModelFolder,
  pipelineClass: string,
  index: Record<string, unknown>,
  has: Parts,
): void {
  if ((PIPELINE_CLASSES as readonly string[]).includes(pipelineClass)) return;
  const unet = partClass(index, "unet") ?? "UNet2DConditionModel";
  const encoder = partClass(index, "text_encoder") ?? "CLIPTextModel";
  const isTextToPixels =
    has.textEncoder &&
    !has.textEncoder2 &&
    !has.vae &&
    /^(UNet2DConditionModel|ORT|Onnx)/.test(unet) &&
    /^(CLIPText|ORT|Onnx)/.test(encoder);
  if (isTextToPixels) return;
  throw new PhaseskipError(
    "model-unsupported",
    `Cannot load the model at ${folder.location} as its pipeline is a ${pipelineClass}: known are ${PIPELINE_CLASSES.join(", ")}, and a UNet2DConditionModel with a CLIP text encoder and no VAE`,
  );
}

function unetConfig(
  folder: ModelFolder,
  config: Record<string, unknown>,
): UnetConfig {
  const channels = (key: string) => {
    const value = number(config[key]);
    if (value !== undefined && Number.isInteger(value) && value > 0) {
      return value;
    }
    const found = JSON.stringify(config[key]);
    throw invalid(
      folder,
      "unet/config.json",
      `${key} must be a whole number from 1 on: current value is ${found}`,
    );
  };
  // Some blocks may have another width each; the first is that of the text.
  const width = config["cross_attention_dim"];
  return {
    sampleSize: sampleSize(config["sample_size"]),
    sizeMultiple: halvings(config["down_block_types"]) ?? 1,
    inChannels: channels("in_channels"),
    outChannels: channels("out_channels"),
    crossAttentionDim: number(Array.isArray(width) ? width[0] : width),
  };
}

/** What blocks that are listed divide the sides by, where each but the last halves them. */
function halvings(blocks: unknown): number | undefined {
  return Array.isArray(blocks) ? 2 ** (blocks.length - 1) : undefined;
}

function sampleSize(value: unknown): readonly [number, number] | undefined {
  const sides: unknown[] = Array.isArray(value) ? value : [value, value];
  const [height, width] = sides;
  const isSize = (side: unknown) => Number.isInteger(side) && Number(side) > 0;
  return isSize(height) && isSize(width)
    ? [Number(height), Number(width)]
    : undefined;
}

async function jsonObject(
  folder: ModelFolder,
  path: string,
  signal: AbortSignal | undefined,
): Promise<Record<string, unknown>> {
  const value = await folder.json(path, signal);
  if (value === undefined) {
    const isHttp = /^https?:/.test(folder.location);
    throw new PhaseskipError(
      isHttp && path === "model_index.json" ? "fetch-failed" : "model-invalid",
      `Cannot load the model at ${folder.location} as it has no ${path}${isHttp ? " (404)" : ""}: wanted is a folder as diffusers exports it to ONNX`,
    );
  }
  if (!isObject(value)) throw invalid(folder, path, "it is no JSON object");
  return value;
}

function invalid(folder: ModelFolder, path: string, reason: string) {
  return new PhaseskipError(
    "model-invalid",
    `Cannot load the model at ${folder.location} as its ${path} is wrong: ${reason}`,
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function number(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}
