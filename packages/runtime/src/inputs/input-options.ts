// What a caller tells the Unet beside texts, checked once.

import type { UnetConstants } from "./constants.js";
import { parseConstants } from "./constants.js";
import type { ControlOptions, ControlRequest } from "./control-options.js";
import { parseControl } from "./control-options.js";
import { shownValue } from "../prompt/shown-value.js";

/** What the Unet is told beside texts. */
export interface InputOptions {
  /**
   * For a Unet that draws classes: the number of the class, for all pictures, or a list with one for each prompt; of a
   * model without a text, with one for each picture.
   */
  readonly classLabel?: number | readonly number[];
  /**
   * Values of inputs that are the Unet's own, by their names, in place of those that the model was loaded with.
   * @default those
   */
  readonly constants?: UnetConstants;
  /**
   * A model that edits images: how closely to keep to `image`, as `guidanceScale` says it of the text. Where it is below 1
   * or `guidanceScale` at most 1, guidance is off. @default 1.5
   */
  readonly imageGuidanceScale?: number;
  /**
   * An upscaler: how much noise `image` gets before it is read, as a timestep of the schedule that it was trained with, from
   * 0; more lets it make up more. @default 20
   */
  readonly noiseLevel?: number;
  /** What the model's ControlNets follow, one for each of them, in their order; those without one are off. */
  readonly control?: ControlOptions | readonly ControlOptions[];
  /**
   * Whether ControlNets may guess what is drawn, also without a prompt: they run where the text is read alone, and count the
   * less the finer what they add to. @default false
   */
  readonly guessMode?: boolean;
  /** SDXL: height and width that the picture is to look as if it were scaled from. @default its own */
  readonly originalSize?: readonly [height: number, width: number];
  /** SDXL: top and left of the part that the picture is to look as if it were cut out at. @default [0, 0] */
  readonly cropsCoordsTopLeft?: readonly [top: number, left: number];
  /** SDXL: height and width that the picture is to look as if it were scaled to. @default its own */
  readonly targetSize?: readonly [height: number, width: number];
  /** SDXL: `originalSize` of the negative prompt; goes with `negativeTargetSize`. @default the prompt's sizes */
  readonly negativeOriginalSize?: readonly [height: number, width: number];
  /** SDXL: `cropsCoordsTopLeft` of the negative prompt; goes with the other two. @default [0, 0] */
  readonly negativeCropsCoordsTopLeft?: readonly [top: number, left: number];
  /** SDXL: `targetSize` of the negative prompt; goes with `negativeOriginalSize`. @default the prompt's sizes */
  readonly negativeTargetSize?: readonly [height: number, width: number];
  /** SDXL's refiner: how much the picture is to be liked, as its training pictures were rated. @default 6 */
  readonly aestheticScore?: number;
  /** SDXL's refiner: the same of the negative prompt. @default 2.5 */
  readonly negativeAestheticScore?: number;
}

/** The same, known to be well formed. */
export type InputRequest = {
  readonly [K in Exclude<keyof InputOptions, "control">]-?:
    InputOptions[K] | undefined;
} & { readonly control: readonly ControlRequest[] | undefined };

/** The names of these options. */
export const inputFields = [
  ...["classLabel", "constants", "imageGuidanceScale", "noiseLevel"],
  ...["control", "guessMode"],
  ...["originalSize", "cropsCoordsTopLeft", "targetSize"],
  ...["negativeOriginalSize", "negativeCropsCoordsTopLeft"],
  ...["negativeTargetSize", "aestheticScore", "negativeAestheticScore"],
] as const satisfies readonly (keyof InputOptions)[];

type Cannot = (reason: string) => string;

/**
 * Checks what a caller tells the Unet.
 * @param doing what is being attempted, for messages
 * @throws {TypeError} If an option has the wrong type, or does not go without another
 */
export function parseInputOptions(
  options: InputOptions,
  doing: string,
): InputRequest {
  const cannot: Cannot = (reason) => `Cannot ${doing} as ${reason}`;
  const pair = (name: keyof InputOptions) => {
    const value: unknown = options[name];
    if (value === undefined || isPair(value)) return value;
    throw new TypeError(
      cannot(
        `${name} must be two numbers: current value is ${shownValue(value)}`,
      ),
    );
  };
  const atLeast0 = (
    name: "imageGuidanceScale" | "noiseLevel",
    kind: string,
    is: (value: unknown) => boolean,
  ) => {
    const value: unknown = options[name];
    if (value === undefined) return undefined;
    const wanted = `${name} must be ${kind} of at least 0: current value is ${shownValue(value)}`;
    if (typeof value !== "number") throw new TypeError(cannot(wanted));
    if (!is(value) || value < 0) throw new RangeError(cannot(wanted));
    return value;
  };
  const score = (name: "aestheticScore" | "negativeAestheticScore") => {
    const value: unknown = options[name];
    if (value === undefined || Number.isFinite(value)) return value as number;
    const wanted = `${name} must be a finite number: current value is ${shownValue(value)}`;
    throw new TypeError(cannot(wanted));
  };
  const boolean = (value: unknown) => {
    if (value === undefined || typeof value === "boolean") return value;
    const wanted = `guessMode must be true or false: current value is ${shownValue(value)}`;
    throw new TypeError(cannot(wanted));
  };
  const negativeSizes = {
    negativeOriginalSize: pair("negativeOriginalSize"),
    negativeCropsCoordsTopLeft: pair("negativeCropsCoordsTopLeft"),
    negativeTargetSize: pair("negativeTargetSize"),
  };
  checkTogether(negativeSizes, cannot);
  return {
    classLabel: checkedLabels(options.classLabel, cannot),
    constants: checkedConstants(options.constants, cannot),
    imageGuidanceScale: atLeast0(
      ...(["imageGuidanceScale", "a finite number"] as const),
      Number.isFinite,
    ),
    noiseLevel: atLeast0("noiseLevel", "an integer", Number.isSafeInteger),
    control: parseControl(options.control, cannot),
    guessMode: boolean(options.guessMode),
    originalSize: pair("originalSize"),
    cropsCoordsTopLeft: pair("cropsCoordsTopLeft"),
    targetSize: pair("targetSize"),
    ...negativeSizes,
    aestheticScore: score("aestheticScore"),
    negativeAestheticScore: score("negativeAestheticScore"),
  };
}

const isPair = (value: unknown): value is readonly [number, number] =>
  Array.isArray(value) && value.length === 2 && value.every(Number.isFinite);

const isLabel = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0;

function checkedLabels(
  value: unknown,
  cannot: Cannot,
): InputRequest["classLabel"] {
  if (value === undefined || isLabel(value)) return value;
  if (Array.isArray(value) && value.length > 0 && value.every(isLabel))
    return value;
  throw new TypeError(
    cannot(
      `classLabel must be the number of a class, from 0, or a list of such: current value is ${shownValue(value)}`,
    ),
  );
}

function checkedConstants(
  value: unknown,
  cannot: Cannot,
): InputRequest["constants"] {
  if (value === undefined) return undefined;
  return parseConstants(value, "constants", (wanted, found) => {
    const shown = shownValue(found);
    return new TypeError(cannot(`${wanted}: current value is ${shown}`));
  });
}

/** diffusers takes the negative prompt's sizes where both are given, and leaves out the rest without a word. */
function checkTogether(
  sizes: Pick<
    InputRequest,
    "negativeOriginalSize" | "negativeCropsCoordsTopLeft" | "negativeTargetSize"
  >,
  cannot: Cannot,
): void {
  const [given] = Object.entries(sizes).find(([, one]) => one) ?? [];
  const needed = (["negativeOriginalSize", "negativeTargetSize"] as const).find(
    (name) => !sizes[name],
  );
  if (given === undefined || needed === undefined) return;
  throw new TypeError(
    cannot(`${given} goes beside ${needed}: ${needed} is missing`),
  );
}
