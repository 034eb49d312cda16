// The table of what Unets read in channels behind the sample's own: one entry for each kind of picture. A Unet is known by
// how many channels it takes beyond those that it gives.

import { PhaseskipError } from "@phaseskip/graph";
import type { Context } from "../plan/plan.js";
import type { InputRequest } from "./input-options.js";
import type { SampleChannels } from "./sample-channel.js";
import { NOISE_LEVEL } from "./sample-channel.js";

const all: readonly Context[] = ["cond", "image", "uncond"];

/** Every kind that is known. */
const sampleChannels: readonly SampleChannels[] = [
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

/**
 * What a Unet reads behind the sample's channels; undefined where it reads nothing more.
 * @param location of the model, for messages
 * @throws {PhaseskipError} `model-unsupported` If nothing here knows what it reads
 */
export function channelsBeside(
  {
    inChannels,
    sampleChannels: own,
  }: { readonly inChannels: number; readonly sampleChannels: number },
  location: string,
): SampleChannels | undefined {
  if (inChannels === own) return undefined;
  const beside = sampleChannels.find(
    ({ count }) => own + count(own) === inChannels,
  );
  if (beside) return beside;
  const known = sampleChannels.map(
    ({ count, kind }) => `${own + count(own)}, as ${kind}`,
  );
  throw new PhaseskipError(
    "model-unsupported",
    `Cannot load the model at ${location} as what its Unet reads behind the sample's ${own} channels is not known: it takes ${inChannels} channels; known are ${own}, ${known.join(", ")}`,
  );
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
