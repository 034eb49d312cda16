// What the attributes of an element ask to be drawn.

import type { DenoiseOptions } from "../pipeline/request.js";
import type { Plan } from "../plan/plan.js";

/** Attributes of a request: those of {@link imageRequest}, and those that name pictures. */
export const requestAttributes: readonly string[] = [
  ...["prompt", "negative-prompt", "seed", "steps", "guidance-scale"],
  ...["scheduler", "plan", "quality", "height", "width", "class-label"],
  ...["strength", "image-guidance-scale", "noise-level", "control-scale"],
  ...["image", "mask-image", "control-image"],
];

/** Attributes that name pictures. */
const pictureAttributes = ["image", "mask-image", "control-image"];

/** Whether a request needs pictures to be fetched. */
export function namesPictures(element: Element): boolean {
  return pictureAttributes.some((name) => element.getAttribute(name));
}

/** Steps between two previews. */
const previewSteps = 5;

/** An element's attributes as a request, and the plan that is no attribute; what is not there is left to the model. */
export function imageRequest(
  element: Element,
  plan: string | Plan | undefined,
): DenoiseOptions {
  const text = (name: string) => element.getAttribute(name) ?? undefined;
  const request = {
    prompt: text("prompt"),
    negativePrompt: text("negative-prompt"),
    seed: numberAttribute(element, "seed"),
    numInferenceSteps: numberAttribute(element, "steps"),
    guidanceScale: numberAttribute(element, "guidance-scale"),
    scheduler: text("scheduler"),
    height: numberAttribute(element, "height"),
    width: numberAttribute(element, "width"),
    strength: numberAttribute(element, "strength"),
    imageGuidanceScale: numberAttribute(element, "image-guidance-scale"),
    noiseLevel: numberAttribute(element, "noise-level"),
    classLabel: numberAttribute(element, "class-label"),
    plan,
    quality: text("quality"),
    preview: previewSteps,
  };
  const given = Object.entries(request).filter(
    ([, value]) => value !== undefined,
  );
  return Object.fromEntries(given);
}

/** An attribute as a number; undefined where it is missing or empty. */
export function numberAttribute(
  element: Element,
  name: string,
): number | undefined {
  const value = element.getAttribute(name);
  return value === null || value.trim() === "" ? undefined : Number(value);
}
