// What the attributes of an element ask to be drawn.

import type { DenoiseOptions } from "../pipeline/request.js";
import type { Plan } from "../plan/plan.js";

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
