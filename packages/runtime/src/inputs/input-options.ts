// What a caller tells the Unet beside texts, checked once.

import type { UnetConstants } from "./constants.js";
import { parseConstants } from "./constants.js";
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
}

/** The same, known to be well formed. */
export type InputRequest = {
  readonly [K in keyof InputOptions]-?: InputOptions[K] | undefined;
};

/** The names of these options. */
export const inputFields = [
  ...["classLabel", "constants"],
  ...["originalSize", "cropsCoordsTopLeft", "targetSize"],
  ...["negativeOriginalSize", "negativeCropsCoordsTopLeft"],
  "negativeTargetSize",
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
  const negativeSizes = {
    negativeOriginalSize: pair("negativeOriginalSize"),
    negativeCropsCoordsTopLeft: pair("negativeCropsCoordsTopLeft"),
    negativeTargetSize: pair("negativeTargetSize"),
  };
  checkTogether(negativeSizes, cannot);
  return {
    classLabel: checkedLabels(options.classLabel, cannot),
    constants: checkedConstants(options.constants, cannot),
    originalSize: pair("originalSize"),
    cropsCoordsTopLeft: pair("cropsCoordsTopLeft"),
    targetSize: pair("targetSize"),
    ...negativeSizes,
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
