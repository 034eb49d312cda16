// The class that a class-conditional Unet draws.

import type { InputGiven } from "./run-input.js";

/**
 * The label of an image's prompt: one number for all prompts, or one for each; of an upscaler the noise level.
 * @throws {TypeError} If the Unet takes a vector where a number is given
 */
export function classLabels({
  name,
  request,
  prompt,
  channels,
  length,
}: Pick<InputGiven, "name" | "request" | "prompt" | "channels" | "length">):
  Float32Array | undefined {
  const { classLabel = channels?.classLabel?.(request) } = request;
  const label =
    typeof classLabel === "object" ? classLabel[prompt] : classLabel;
  if (label === undefined) return undefined;
  if (length === 1) return Float32Array.of(label);
  throw new TypeError(
    `Cannot generate an image as this Unet's ${name} is ${length} numbers, not a class: give them as inputs: { constants: { ${name}: [...] } } when loading, and leave classLabel out`,
  );
}
