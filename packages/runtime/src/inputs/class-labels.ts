// The class that a class-conditional Unet draws.

import type { InputGiven } from "./run-input.js";

/** The label of an image's prompt; one number for all prompts, or one for each. */
export function classLabels({
  request: { classLabel },
  prompt,
}: Pick<InputGiven, "request" | "prompt">): Float32Array | undefined {
  if (classLabel === undefined) return undefined;
  const label =
    typeof classLabel === "number" ? classLabel : classLabel[prompt];
  return Float32Array.of(label ?? 0);
}
