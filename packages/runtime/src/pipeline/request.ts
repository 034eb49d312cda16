// What an app asks of a pipeline, checked once.

import type { SchedulerName } from "@phaseskip/scheduler";
import type { AdaptiveDecision } from "../schedule/adaptive-decision.js";
import { isDecisionList } from "../schedule/adaptive-decision.js";
import type { ChannelMeans } from "../plan/channel-means.js";
import { isChannelMeans } from "../plan/check-means.js";
import type { Plan } from "../plan/plan.js";
import type { InputPicture } from "../picture/input-picture.js";
import { pictureProblem } from "../picture/input-picture.js";
import type {
  HandoverOptions,
  HandoverRequest,
} from "../inputs/handover-options.js";
import { handoverFields, parseHandover } from "../inputs/handover-options.js";
import type { InputOptions, InputRequest } from "../inputs/input-options.js";
import { inputFields, parseInputOptions } from "../inputs/input-options.js";
import type { Lora } from "../lora/model-loras.js";
import type { QualityName } from "../plan/quality.js";
import { qualityPlans } from "../plan/quality.js";
import { shownValue } from "../prompt/shown-value.js";
import type { TextOptions, TextRequest } from "../prompt/text-options.js";
import { parseTextOptions, textFields } from "../prompt/text-options.js";

/** A scheduler with options: `{ name: "dpmpp-2m", useKarrasSigmas: true }`. */
export interface SchedulerChoice {
  /** Its short name. @default the model's own class */
  readonly name?: SchedulerName;
  /** An option of its class. */
  readonly [option: string]: unknown;
}

/** What to draw. */
export interface GenerateOptions
  extends TextOptions, InputOptions, HandoverOptions {
  /**
   * Image i has a generator of its own, seeded `seed + i`. An integer from 0; its low 32 bits count, as in
   * PyTorch, so seeds 2^32 apart draw one picture. @default 0
   */
  readonly seed?: number;
  /** Images to draw of each prompt. @default 1 */
  readonly numImagesPerPrompt?: number;
  /**
   * Sampling steps. diffusers' `DDPMPipeline` takes 1,000 where nothing is said: too many for a page, so it is 50 here.
   * @default the plan's, else 50; 4 for a `LatentConsistencyModelPipeline`
   */
  readonly numInferenceSteps?: number;
  /**
   * A scheduler by its short name, made from the model's own configuration; or that name with options of its class,
   * diffusers' keys in camelCase, which go before the configuration's. @default the model's
   */
  readonly scheduler?: SchedulerName | SchedulerChoice;
  /**
   * Guidance weight: `uncond + s·(cond − uncond)` above 1; up to 1 it is off, as in diffusers: one context runs, and a
   * negative prompt has no effect. A Unet that takes the weight as an input is told it, and runs in one context.
   * @default the model's, else that of its class in diffusers: 7.5, Stable Diffusion XL 5, latent consistency models 8.5; 1
   * without a text
   */
  readonly guidanceScale?: number;
  /**
   * From 0 to 1: how far guidance's output is scaled back to the standard deviation of `cond`'s, against pictures too
   * bright; 0 is off (arXiv 2305.08891, section 3.4). @default 0
   */
  readonly guidanceRescale?: number;
  /** Opting in: `"none"`, the name of a plan that the model ships, or a plan. @default what `quality` says */
  readonly plan?: string | Plan;
  /**
   * Opting in by one word: `"lossless"` draws with the whole model, `"high"`, `"balanced"` and `"fast"` under the plans
   * `quality`, `balanced` and `fast` that the model ships. Where there is a `plan`, it has no effect.
   * @default "lossless"
   */
  readonly quality?: QualityName;
  /** LoRAs to merge into the model's weights for this call. @default the pipeline's */
  readonly loras?: readonly Lora[];
  /** Noise of unit variance to start from, `[image, channel, height, width]`. @default drawn from the seeds */
  readonly initNoise?: Float32Array;
  /**
   * Shape of `initNoise`, as `sampleShape` of an earlier picture has it; it says the size of the pictures where neither the
   * call nor the model does.
   */
  readonly initNoiseShape?: readonly number[];
  /** Height of the pictures, in pixels: a multiple of what the model demands. @default the image's, else the model's */
  readonly height?: number;
  /** Width of the pictures, in pixels: a multiple of what the model demands. @default the image's, else the model's */
  readonly width?: number;
  /**
   * A picture to start from, of the size that is drawn. A model with a VAE needs its encoder; the latent is the mode of
   * the encoder's distribution.
   */
  readonly image?: InputPicture;
  /**
   * How far to leave `image`, from above 0 to 1: the part of the steps that run, the last ones.
   * @default that of the model's class in diffusers: 0.8, with a mask 1; Stable Diffusion XL 0.3, with a mask 0.9999
   */
  readonly strength?: number;
  /**
   * What of `image` to draw anew, of the same size: where it is lighter than mid-grey, whatever its alpha. The rest is kept: exactly in
   * pixel space, else in the latent, whose pixels take the mask's value at their upper left corner.
   */
  readonly mask?: InputPicture;
  /** What adaptive rules of the plan decided, from an earlier run's report: its steps again. @default they decide anew */
  readonly decisions?: readonly AdaptiveDecision[];
  /** What the plan's action `mean` puts in place of outputs; an error where it has that action and there are none. */
  readonly means?: ChannelMeans;
  /**
   * Whether pictures go through the VAE in overlapping tiles of 512 pixels, or what it was trained on if that is less:
   * little memory, whatever the size, but the tiles differ a little in tone.
   * @default only where the device could not hold the picture whole; a warning says so
   */
  readonly vaeTiling?: boolean;
  /** The `lcm` scheduler: steps of the schedule whose steps are skipped. @default the model's, else 50 */
  readonly originalInferenceSteps?: number;
}

/** Options of a run that hands out its steps. */
export interface DenoiseOptions extends GenerateOptions {
  /** Every so many steps, and at the last, the step carries a preview. @default 0, none */
  readonly preview?: number;
}

type Optional<T> = { readonly [K in keyof T]-?: T[K] | undefined };

/** A request that is known to be well formed; what the model decides is still open. */
export interface Request
  extends
    TextRequest,
    InputRequest,
    HandoverRequest,
    Required<
      Pick<DenoiseOptions, "seed" | "numImagesPerPrompt" | "plan" | "preview">
    >,
    Optional<
      Omit<
        DenoiseOptions,
        | ("seed" | "numImagesPerPrompt" | "plan" | "quality" | "preview")
        | keyof TextOptions
        | keyof InputOptions
        | keyof HandoverOptions
      >
    > {}

/**
 * Checks what a caller asks for.
 *
 * @param doing what is being attempted, for messages
 * @throws {TypeError} If a field has the wrong type or is unknown
 * @throws {RangeError} If a value is out of range
 */
export function parseRequest(
  options: DenoiseOptions,
  doing = "generate an image",
): Request {
  type Name = keyof DenoiseOptions;
  const fail = (
    name: string,
    wanted: string,
    value: unknown,
    Kind: ErrorConstructor = TypeError,
  ) => {
    const message = `Cannot ${doing} as ${name} must be ${wanted}: current value is ${shownValue(value)}`;
    return new Kind(message);
  };
  if (typeof options !== "object" || options === null) {
    throw fail("the options", "an object", options);
  }
  for (const name of Object.keys(options)) {
    if (!fields.has(name)) {
      throw new TypeError(
        `Cannot ${doing} as ${name} is no option; known are ${[...fields].join(", ")}`,
      );
    }
  }
  /** A value of which a test holds, or undefined. */
  const checked = <T>(
    name: Name,
    wanted: string,
    is: (value: unknown) => boolean,
  ) => {
    const value: unknown = options[name];
    if (value === undefined || is(value)) return value as T | undefined;
    throw fail(name, wanted, value);
  };
  const number = (
    name: Name,
    wanted: string,
    isIn: (value: number) => boolean,
  ) => {
    const value = checked<number>(name, "a number", isNumber);
    if (value === undefined || isIn(value)) return value;
    throw fail(name, wanted, value, RangeError);
  };
  const integer = (name: Name, least: number) =>
    number(
      name,
      `an integer of at least ${least}`,
      (value) => Number.isSafeInteger(value) && value >= least,
    );
  const picture = (name: "image" | "mask") => {
    const value = options[name];
    const problem = value === undefined ? undefined : pictureProblem(value);
    if (problem === undefined) return value;
    throw new TypeError(`Cannot ${doing} as ${name} must be ${problem}`);
  };
  const quality =
    checked<QualityName>(
      "quality",
      `one of ${Object.keys(qualityPlans).join(", ")}`,
      (value) =>
        isString(value) && Object.hasOwn(qualityPlans, value as string),
    ) ?? "lossless";
  const image = picture("image");
  const mask = picture("mask");
  const strength = number(
    "strength",
    "above 0 and at most 1",
    (value) => value > 0 && value <= 1,
  );
  for (const [name, value] of Object.entries({ mask, strength })) {
    const from = name === "strength" ? (image ?? options.latents) : image;
    if (value !== undefined && !from) {
      throw new TypeError(
        `Cannot ${doing} as ${name} needs an image to start from: image is missing`,
      );
    }
  }
  if (image && mask && !isSameSize(image, mask)) {
    throw new RangeError(
      `Cannot ${doing} as mask must have the image's size, ${image.width} × ${image.height} pixels: current size is ${mask.width} × ${mask.height}`,
    );
  }
  return {
    ...parseTextOptions(options, doing),
    ...parseInputOptions(options, doing),
    ...parseHandover(options, doing),
    seed: integer("seed", 0) ?? 0,
    numImagesPerPrompt: integer("numImagesPerPrompt", 1) ?? 1,
    numInferenceSteps: integer("numInferenceSteps", 1),
    scheduler: checked(
      "scheduler",
      "a scheduler's name, or an object of its name and options",
      (value) => isString(value) || isSchedulerChoice(value),
    ),
    guidanceScale: number(
      "guidanceScale",
      "a finite number of at least 0",
      (value) => value >= 0 && value < Infinity,
    ),
    guidanceRescale: number(
      "guidanceRescale",
      "from 0 to 1",
      (value) => value >= 0 && value <= 1,
    ),
    plan:
      checked<string | Plan>(
        "plan",
        "a plan's name or a plan",
        (value) =>
          isString(value) || (typeof value === "object" && value !== null),
      ) ?? qualityPlans[quality],
    initNoise: checked(
      "initNoise",
      "a Float32Array",
      (value) => value instanceof Float32Array,
    ),
    initNoiseShape: checked(
      "initNoiseShape",
      "the shape of initNoise, [image, channel, height, width]",
      isShape,
    ),
    preview: integer("preview", 0) ?? 0,
    loras: checked(
      "loras",
      "a list, each with url, a string, and maybe scale, a finite number",
      isLoraList,
    ),
    height: integer("height", 1),
    width: integer("width", 1),
    image,
    strength,
    mask,
    decisions: checked(
      "decisions",
      "a report's, each with stepIndex, context, rule and reuse",
      isDecisionList,
    ),
    means: checked(
      "means",
      "timesteps, and for each unit a list of Float32Arrays",
      isChannelMeans,
    ),
    originalInferenceSteps: integer("originalInferenceSteps", 1),
    vaeTiling: checked(
      "vaeTiling",
      "true or false",
      (value) => typeof value === "boolean",
    ),
  };
}

const fields = new Set<string>([
  "loras",
  ...textFields,
  ...["seed", "numImagesPerPrompt", "guidanceRescale"],
  ...inputFields,
  ...handoverFields,
  ...["numInferenceSteps", "scheduler", "guidanceScale", "plan", "quality"],
  ...["initNoise", "initNoiseShape"],
  ...["preview", "height", "width", "image", "strength", "mask"],
  ...["originalInferenceSteps", "decisions", "means", "vaeTiling"],
]);

function isLoraList(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every((one: unknown) => {
      const { url, scale = 1 } = (one ?? {}) as Partial<Lora>;
      return isString(url) && isFinite(scale);
    })
  );
}

const isSameSize = (a: InputPicture, b: InputPicture): boolean =>
  a.width === b.width && a.height === b.height;

type ErrorConstructor = new (message: string) => Error;

const isShape = (value: unknown): boolean =>
  Array.isArray(value) &&
  value.length === 4 &&
  value.every((size) => Number.isSafeInteger(size) && size > 0);
const isSchedulerChoice = (value: unknown): boolean =>
  typeof value === "object" &&
  value !== null &&
  !Array.isArray(value) &&
  (!("name" in value) || isString(value.name));

const isString = (value: unknown): boolean => typeof value === "string";
const isNumber = (value: unknown): boolean => typeof value === "number";
const isFinite = (value: unknown): boolean => Number.isFinite(value);
