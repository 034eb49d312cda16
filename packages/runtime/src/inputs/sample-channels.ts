// The table of what Unets read in channels behind the sample's own: one entry for each kind of picture. A Unet is known by
// how many channels it takes beyond those that it gives.

import type { Context } from "../plan/plan.js";
import type { InputRequest } from "./input-options.js";
import { NOISE_LEVEL } from "./input-options.js";
import type { SampleChannels } from "./sample-channel.js";

const all: readonly Context[] = ["cond", "image", "uncond"];

/** Every kind that is known. */
export const sampleChannels: readonly SampleChannels[] = [
  {
    count: (channels) => channels + 1,
    kind: "an inpainting model",
    options: ["image", "mask"],
    refused: [],
    isStart: true,
    drawsFirst: false,
    contexts: all,
    isGuided: false,
    isSmall: false,
    value: async (given) =>
      (await import("./masked-image.js")).maskedImage(given),
  },
  {
    count: (channels) => channels,
    kind: "a model that edits images",
    options: ["image"],
    refused: ["mask", "strength"],
    isStart: false,
    drawsFirst: false,
    contexts: ["cond", "image"],
    isGuided: true,
    isSmall: false,
    value: async (given) =>
      (await import("./edited-image.js")).editedImage(given),
  },
  {
    count: () => 3,
    kind: "an upscaler",
    options: ["image"],
    refused: ["mask", "strength"],
    isStart: false,
    drawsFirst: true,
    contexts: all,
    isGuided: false,
    isSmall: true,
    guidanceScale: 9,
    classLabel: ({ noiseLevel = NOISE_LEVEL }) => noiseLevel,
    value: async (given) =>
      (await import("./low-res-image.js")).lowResImage(given),
  },
];

/** The kind of a Unet that takes so many channels for a sample of so many; undefined where none is known. */
export function channelsOf(
  inChannels: number,
  own: number,
): SampleChannels | undefined {
  return sampleChannels.find(({ count }) => own + count(own) === inChannels);
}

/**
 * Checks that a call says what the Unet reads, and nothing that it does not.
 * @throws {TypeError} If it does not
 */
export function checkChannels(
  channels: SampleChannels | undefined,
  request: InputRequest & {
    readonly image: unknown;
    readonly mask: unknown;
    readonly strength: unknown;
  },
): void {
  const has = (name: keyof typeof request) => request[name] !== undefined;
  const refuse = (name: string, kind: string): never => {
    throw new TypeError(
      `Cannot generate an image as ${name} says nothing to ${kind}; leave it out`,
    );
  };
  if (!channels?.isGuided && has("imageGuidanceScale"))
    refuse("imageGuidanceScale", "a model that edits no images");
  if (!channels?.classLabel && has("noiseLevel"))
    refuse("noiseLevel", "a model that is no upscaler");
  if (!channels) return;
  const unsaid = channels.options.find((name) => !has(name));
  if (unsaid)
    throw new TypeError(
      `Cannot generate an image as this is ${channels.kind}: ${unsaid} is missing`,
    );
  const said = channels.refused.find(has);
  if (said) refuse(said, channels.kind);
}
