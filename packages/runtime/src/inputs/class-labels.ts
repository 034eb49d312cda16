// The class that a class-conditional Unet draws.

import type { InputGiven } from "./run-input.js";

/** The label of an image's prompt: one number for all prompts, or one for each; of an upscaler the noise level. */
export function classLabels({
  request,
  prompt,
  channels,
}: Pick<InputGiven, "request" | "prompt" | "channels">):
  Float32Array | undefined {
  const { classLabel = channels?.classLabel?.(request) } = request;
  const label =
    typeof classLabel === "object" ? classLabel[prompt] : classLabel;
  return label === undefined ? undefined : Float32Array.of(label);
}
