// What a call says beside texts, from the command line's options and files.

import type { GenerateOptions } from "@phaseskip/runtime";
import { readNpy } from "../pictures/npy.js";
import { readPng } from "../pictures/png.js";
import type { ConditionArguments } from "../terminal/condition-options.js";

/**
 * Reads control pictures and latents, and puts all into a call's options.
 * @throws {TypeError} If there are more scales or ranges than pictures
 */
export async function conditionRequest({
  classLabel,
  imageGuidance,
  noiseLevel,
  control = [],
  controlScale = [],
  controlRange = [],
  guessMode,
  latents,
  ...numbers
}: ConditionArguments): Promise<
  Pick<
    GenerateOptions,
    | ("classLabel" | "imageGuidanceScale")
    | ("noiseLevel" | "control" | "guessMode" | "latents")
    | ("aestheticScore" | "negativeAestheticScore")
    | ("denoisingEnd" | "denoisingStart")
  >
> {
  for (const [name, { length }] of Object.entries({
    "--control-scale": controlScale,
    "--control-range": controlRange,
  })) {
    if (length <= control.length) continue;
    throw new TypeError(
      `Cannot generate an image as every ${name} goes behind a --control: there are ${length} of it, and ${control.length} pictures`,
    );
  }
  const controls = [];
  for (const [i, path] of control.entries()) {
    const [start = 0, end = 1] = controlRange[i] ?? [];
    const image = await readPng("the control picture", path);
    controls.push({ image, scale: controlScale[i] ?? 1, start, end });
  }
  const { denoisingEnd, denoisingStart } = numbers;
  const { aestheticScore, negativeAestheticScore } = numbers;
  return {
    ...(classLabel !== undefined && { classLabel }),
    ...(imageGuidance !== undefined && { imageGuidanceScale: imageGuidance }),
    ...(noiseLevel !== undefined && { noiseLevel }),
    ...(controls.length > 0 && { control: controls }),
    ...(guessMode && { guessMode }),
    ...(denoisingEnd !== undefined && { denoisingEnd }),
    ...(denoisingStart !== undefined && { denoisingStart }),
    ...(latents !== undefined && { latents: await readNpy(latents) }),
    ...(aestheticScore !== undefined && { aestheticScore }),
    ...(negativeAestheticScore !== undefined && { negativeAestheticScore }),
  };
}
