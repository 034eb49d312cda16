// What a model folder holds, as one value: what model_index.json and the configurations of its parts say, where they are
// there, else what its networks are. A file of its own in an app, which is fetched while the model is.

import type { Graph } from "@phaseskip/graph";
import { PhaseskipError } from "@phaseskip/graph";
import type { ModelFolder } from "./folder.js";
import { PartFiles, type HalfDevice } from "./part-files.js";
import { roleOf, type PartName } from "./part-name.js";
import type { UnetConstants } from "../inputs/constants.js";
import { unetConfig, type UnetConfig } from "./unet-config.js";
import { vaeConfig } from "./vae-config.js";

export { PartFiles } from "./part-files.js";
export type { UnetConfig } from "./unet-config.js";

/** The pipeline classes of diffusers that are known here. */
const PIPELINE_CLASSES = [
  "DDPMPipeline",
  "DDIMPipeline",
  "StableDiffusionPipeline",
  "LatentConsistencyModelPipeline",
  "StableDiffusionXLPipeline",
] as const;

/** What a model folder holds. */
export interface ModelIndex {
  /** diffusers' text-to-image class of these parts, without the prefix that exporters put before it. */
  readonly pipelineClass: string;
  /** The Unet's file. */
  readonly unetPath: string;
  /** Whether the Unet is conditioned on a text. */
  readonly hasTextEncoder: boolean;
  /** Whether there is a second text encoder, as Stable Diffusion XL has. */
  readonly hasTextEncoder2: boolean;
  /** The text encoders that there are, in the order in which the Unet reads them. */
  readonly textEncoders: readonly ("text_encoder" | "text_encoder_2")[];
  /** Whether the sample is a latent that a VAE decodes. */
  readonly hasVae: boolean;
  /** What the Unet is. */
  readonly unetConfig: UnetConfig;
  /** Values of the Unet's inputs that diffusers does not know, by name. */
  readonly constants: UnetConstants;
  /** Where EDM's preconditioning is done. */
  readonly preconditioning: "inside" | "outside";
  /** scheduler/scheduler_config.json, as it is; empty where a call has to name a scheduler. */
  readonly schedulerConfig: Readonly<Record<string, unknown>>;
  /** The folders of its ControlNets, in their order. */
  readonly controlNets: readonly string[];
  /** low_res_scheduler/scheduler_config.json, of an upscaler. */
  readonly lowResScheduler: Readonly<Record<string, unknown>> | undefined;
  /** Guidance weight that the model asks for, 1 = off; `undefined` where only its class does. */
  readonly guidanceScale: number | undefined;
  /** The latent is divided by this before it is decoded; 1 without a VAE. */
  readonly scalingFactor: number;
  /** Pixels per latent pixel, in both directions; 1 without a VAE. */
  readonly vaeScaleFactor: number;
  /** Side of a tile where pictures go through the VAE in tiles, in pixels. */
  readonly vaeTileSize: number;
  /** SDXL: whether guidance leads away from zeros, not from the embedding of "", where no negative prompt is given. */
  readonly forceZerosForEmptyPrompt: boolean;
  /** The model's licence, where model_index.json names it. */
  readonly licence: string | undefined;
  /** What the caller should know of the folder, in sentences. */
  readonly warnings: readonly string[];
}

/** How a folder is read. */
export interface IndexOptions {
  /** Its networks. @default those of the dtype that the device does best with */
  readonly parts?: PartFiles;
  /** The device, or what chooses it for the Unet. @default one without float16 */
  readonly device?: HalfDevice | ((unet: UnetReader) => Promise<HalfDevice>);
}

/** Gives the Unet's graph as a device would run it. */
export type UnetReader = (device: HalfDevice) => Promise<Graph>;

/**
 * Reads what a model folder holds.
 * @throws {TypeError} If ControlNets are given beside a folder that has some
 * @throws {PhaseskipError} `model-unsupported` If its pipeline is of another class; `model-invalid` if a file
 * is missing or wrong; `fetch-failed` if there is no model at that URL.
 */
export async function loadModelIndex(
  folder: ModelFolder,
  signal?: AbortSignal,
  {
    parts = new PartFiles(folder),
    device: on = { hasHalf: false },
  }: IndexOptions = {},
): Promise<ModelIndex> {
  const index = await readIndex(folder, signal);
  const has = await partsOf(parts, index, signal);
  const pipelineClass = knownClass(folder, index, has);
  const read: UnetReader = (one) => parts.graph("unet", one, signal);
  const device = typeof on === "function" ? await on(read) : on;
  const { graph, constants, preconditioning } = await parts.unet(
    device,
    signal,
  );

  const bare = folder.unetPath !== undefined;
  const config = (path: string) => optionalObject(folder, path, signal);
  const unet = unetConfig(
    graph,
    await config(bare ? "config.json" : "unet/config.json"),
    folder.location,
  );
  const warnings: string[] = [];
  let schedulerConfig =
    (await config("scheduler/scheduler_config.json")) ??
    (await config("scheduler_config.json"));
  // whichever class wrote the file: diffusers makes the one that the index names, and DDIMPipeline DDIM of any
  const schedulerClass =
    pipelineClass === "DDIMPipeline"
      ? "DDIMScheduler"
      : partClass(index, "scheduler");
  if (schedulerConfig && schedulerClass !== undefined)
    schedulerConfig = { ...schedulerConfig, _class_name: schedulerClass };
  const outdates = stableDiffusion.exec(className(index) ?? pipelineClass);
  if (schedulerConfig && outdates && !isCurrent(schedulerConfig)) {
    const { outdatedKeys, outdatedNote } =
      await import("./outdated-scheduler.js");
    const keys = outdatedKeys(schedulerConfig, outdates[1] === "Inpaint");
    schedulerConfig = { ...schedulerConfig, ...keys };
    const told = outdatedNote(keys);
    if (told !== undefined) warnings.push(told);
  }
  if (!schedulerConfig) {
    const isNamed = className(index) !== undefined;
    if (isNamed && !has.vae)
      throw missing(folder, "scheduler/scheduler_config.json");
    schedulerConfig = has.vae ? stableDiffusionScheduler : {};
    warnings.push(
      !has.vae
        ? "the folder has no scheduler/scheduler_config.json: every call has to name a scheduler"
        : "the folder has no scheduler/scheduler_config.json: Stable Diffusion's own is taken, PNDM with epsilon prediction; a model that was trained or distilled for another one needs that file",
    );
  }
  const vae = has.vae
    ? await readVae(folder, parts, device, pipelineClass, config, signal)
    : { scalingFactor: 1, vaeScaleFactor: 1, vaeTileSize: Infinity };
  return {
    pipelineClass,
    unetPath: await parts.path("unet", device, signal),
    hasTextEncoder: has.textEncoders.length > 0,
    hasTextEncoder2: has.textEncoders.includes("text_encoder_2"),
    textEncoders: has.textEncoders,
    hasVae: has.vae,
    unetConfig: unet,
    constants,
    preconditioning,
    schedulerConfig,
    controlNets: await controlNets(folder, index, signal),
    lowResScheduler:
      unet.inChannels - unet.sampleChannels === 3
        ? await config("low_res_scheduler/scheduler_config.json")
        : undefined,
    guidanceScale: number(index["guidance_scale"]),
    ...vae,
    forceZerosForEmptyPrompt: index["force_zeros_for_empty_prompt"] !== false,
    licence: text(index["licence"]) ?? text(index["license"]),
    warnings,
  };
}

/** Pipelines that put what they want in place of what an outdated scheduler file says. */
const stableDiffusion =
  /^(?:ORT|Onnx)?StableDiffusion(Img2Img|Inpaint)?Pipeline$/;

/** Whether such a pipeline leaves the file as it is; most are, and cost no more code. */
const isCurrent = (config: Readonly<Record<string, unknown>>) =>
  config["steps_offset"] === 1 &&
  config["clip_sample"] === false &&
  config["skip_prk_steps"] !== false &&
  !config["_use_default_values"];

/** The scheduler of Stable Diffusion 1 and 2.1 base, as its folder has it. */
const stableDiffusionScheduler = {
  _class_name: "PNDMScheduler",
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: "scaled_linear",
  num_train_timesteps: 1000,
  set_alpha_to_one: false,
  skip_prk_steps: true,
  steps_offset: 1,
};

/** model_index.json; a folder may lack it where its networks say what they are. */
async function readIndex(
  folder: ModelFolder,
  signal: AbortSignal | undefined,
): Promise<Record<string, unknown>> {
  // a bare file is a model of its own, whatever lies around it
  if (folder.unetPath !== undefined) return {};
  const path = "model_index.json";
  const index = await optionalObject(folder, path, signal);
  if (index) {
    if (className(index) !== undefined) return index;
    throw invalid(folder, path, "it has no _class_name");
  }
  const paths = await folder.paths(signal);
  const unet = paths
    ? paths.some((one) => roleOf(one) === "unet")
    : await folder.file("unet/model.onnx", signal, { optional: true });
  if (unet) return {};
  throw missing(folder, path);
}

interface Parts {
  /** Whether the Unet's file is where one may be. */
  readonly unet: boolean;
  readonly textEncoders: ModelIndex["textEncoders"];
  readonly vae: boolean;
}

/** Which parts there are: model_index.json lists them as `[library, class]`, with nulls for one left out. */
async function partsOf(
  parts: PartFiles,
  index: Record<string, unknown>,
  signal: AbortSignal | undefined,
): Promise<Parts> {
  const isListing = Object.values(index).some(Array.isArray);
  const has = async (part: PartName, ...names: string[]) =>
    isListing
      ? [part, ...names].some((name) => partClass(index, name) !== undefined)
      : (await parts.find(part, { hasHalf: false }, signal)) !== undefined;
  const textEncoders: ("text_encoder" | "text_encoder_2")[] = [];
  for (const part of ["text_encoder", "text_encoder_2"] as const)
    if (await has(part)) textEncoders.push(part);
  const unet = await parts.find("unet", { hasHalf: false }, signal);
  return {
    unet: unet !== undefined,
    textEncoders,
    vae: await has("vae_decoder", "vae"),
  };
}

/** The pipeline's class; one that a folder brings along is named as `[module, class]`. */
function className(index: Record<string, unknown>): string | undefined {
  const said = index["_class_name"];
  return text(Array.isArray(said) ? said[1] : said);
}

function partClass(
  index: Record<string, unknown>,
  part: string,
): string | undefined {
  const entry = index[part];
  return Array.isArray(entry) ? text(entry[1]) : undefined;
}

/**
 * The class that draws with these parts: one that is known, or the text-to-image class of one that has other inputs.
 * Text to pixels has no class of its own in diffusers: it is known by a conditional Unet, CLIP, and no VAE.
 * @throws {PhaseskipError} `model-unsupported` If nothing here draws with them
 */
function knownClass(
  folder: ModelFolder,
  index: Record<string, unknown>,
  has: Parts,
): string {
  const said = className(index) ?? "";
  const bare = said.replace(/^(ORT|Onnx|Flax)/, "");
  const plain = bare.replace(/(Img2Img|Inpaint)(Legacy)?(?=Pipeline$)/, "");
  const known: readonly string[] = PIPELINE_CLASSES;
  const isXl = has.textEncoders.includes("text_encoder_2");
  if (known.includes(plain) && isXl === (plain === known.at(-1))) return plain;
  const unet = partClass(index, "unet") ?? "UNet2DConditionModel";
  const encoder = partClass(index, "text_encoder") ?? "CLIPTextModel";
  const isText =
    has.textEncoders.length > 0 &&
    /^(UNet2DConditionModel|ORT|Onnx|Flax)/.test(unet) &&
    /^(CLIPText|ORT|Onnx|Flax)/.test(encoder);
  if (isText && has.vae)
    return isXl ? known.at(-1)! : "StableDiffusionPipeline";
  if (isText && !isXl) return bare;
  // a network alone, that of an unconditional model
  if (said === "" && has.unet && has.textEncoders.length === 0)
    return "DDPMPipeline";
  if (said === "") throw missing(folder, "model_index.json");
  throw new PhaseskipError(
    "model-unsupported",
    `Cannot load the model at ${folder.location} as its pipeline is a ${bare}: known are ${known.join(", ")}, their forms for images and masks, and a UNet2DConditionModel with a CLIP text encoder and no VAE`,
  );
}

/** Those that are given beside the folder; else by its list; without one, those that model_index.json names. */
async function controlNets(
  folder: ModelFolder,
  index: Record<string, unknown>,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const paths = await folder.paths(signal);
  const listed = paths?.flatMap(
    (path) => /^(controlnet(?:_\d+)?)\/model\.onnx$/.exec(path)?.[1] ?? [],
  );
  const named = Object.keys(index).filter((key) =>
    /^controlnet(_\d+)?$/.test(key),
  );
  const own = (listed ?? named).sort((a, b) =>
    a.localeCompare(b, "en", { numeric: true }),
  );
  const { controlNets: given = [] } = folder;
  if (given.length === 0 || own.length === 0) return [...own, ...given];
  throw new TypeError(
    `Cannot load the model at ${folder.location} as controlnet is for models that have no ControlNets of their own: it has ${own.join(", ")}; leave it out`,
  );
}

async function readVae(
  folder: ModelFolder,
  parts: PartFiles,
  device: HalfDevice,
  pipelineClass: string,
  config: (path: string) => Promise<Record<string, unknown> | undefined>,
  signal: AbortSignal | undefined,
) {
  const vae =
    (await config("vae_decoder/config.json")) ??
    (await config("vae/config.json"));
  for (const key of ["latents_mean", "shift_factor"]) {
    if (!vae?.[key]) continue;
    throw new PhaseskipError(
      "model-unsupported",
      `Cannot load the model at ${folder.location} as its VAE's ${key} must be left out: its latents are more than scaled`,
    );
  }
  return vaeConfig(
    vae,
    () => parts.graph("vae_decoder", device, signal),
    pipelineClass === "StableDiffusionXLPipeline",
  );
}

/** A JSON object, or undefined where the folder has no such file. */
async function optionalObject(
  folder: ModelFolder,
  path: string,
  signal: AbortSignal | undefined,
): Promise<Record<string, unknown> | undefined> {
  const optional = path !== "model_index.json";
  const value = await folder.json(path, signal, { optional });
  if (value === undefined) return undefined;
  if (!isObject(value)) throw invalid(folder, path, "it is no JSON object");
  return value;
}

function missing({ location }: ModelFolder, path: string): PhaseskipError {
  const isHttp = /^https?:/.test(location);
  return new PhaseskipError(
    isHttp && path === "model_index.json" ? "fetch-failed" : "model-invalid",
    `Cannot load the model at ${location} as it has no ${path}${isHttp ? " (404)" : ""}: wanted is a folder as diffusers exports it to ONNX`,
  );
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
