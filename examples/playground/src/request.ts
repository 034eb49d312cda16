// From what is set on the page to what both runs are asked: what this model takes, and nothing that it refuses.

import type { GenerateOptions, ModelTakes, TakenOption } from "phaseskip";
import type { PicturesIn } from "./inputs/model-form.js";
import type { Settings } from "./settings.js";

/** What both runs share. */
export type Request = Omit<GenerateOptions, "plan">;

/** A call's options for a model. */
export function requestOf(
  settings: Settings,
  takes: ModelTakes,
  { image, mask, control }: PicturesIn,
): Request {
  const has = (name: TakenOption) => takes.options.includes(name);
  const { prompt, negative, classLabel, seed, steps, scheduler } = settings;
  const number = (name: keyof GenerateOptions, said: string, isTaken = true) =>
    said !== "" && isTaken ? { [name]: Number(said) } : {};
  const hasSize = takes.sizeMultiple !== undefined;
  return {
    ...(has("prompt") && { prompt }),
    ...(has("negativePrompt") &&
      negative !== "" && { negativePrompt: negative }),
    ...{ seed, numInferenceSteps: steps },
    ...(scheduler !== "" && { scheduler: scheduler as "ddim" }),
    ...number("guidanceScale", settings.guidance, has("guidanceScale")),
    ...number("height", settings.height, hasSize),
    ...number("width", settings.width, hasSize),
    ...(has("classLabel") && { classLabel: Number(classLabel) }),
    ...(image && { image }),
    ...(mask && { mask }),
    ...number("strength", settings.strength, image && has("strength")),
    ...number(
      "imageGuidanceScale",
      settings.imageGuidance,
      has("imageGuidanceScale"),
    ),
    ...number("noiseLevel", settings.noiseLevel, has("noiseLevel")),
    ...controls(control, settings.controlScale),
  };
}

/** One entry for each ControlNet, up to the last that is told something; those before it that are told nothing count nothing. */
function controls(
  pictures: PicturesIn["control"],
  scale: string,
): Pick<Request, "control"> {
  const count = 1 + pictures.findLastIndex((one) => one !== undefined);
  const [first] = pictures.filter((one) => one !== undefined);
  if (!first) return {};
  return {
    control: pictures.slice(0, count).map((image) => ({
      image: image ?? first,
      scale: image ? Number(scale || 1) : 0,
    })),
  };
}
