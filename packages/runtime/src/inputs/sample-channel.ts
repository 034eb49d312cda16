// What an entry of the table of channels is, and what it is given to make an image's values of.

import type { NoiseGenerator } from "@phaseskip/scheduler";
import type { Context } from "../plan/plan.js";
import type { InputPicture } from "../picture/input-picture.js";
import type { LatentDistribution } from "../picture/latent.js";
import type { ImageArray } from "../picture/picture.js";
import type { InputRequest } from "./input-options.js";

/** The noise level that diffusers' StableDiffusionUpscalePipeline takes where nothing is said (0.42.1). */
export const NOISE_LEVEL = 20;

/** What a Unet reads behind the sample's channels. */
export interface SampleChannels {
  /** Channels behind those of a sample of so many. */
  readonly count: (sampleChannels: number) => number;
  /** The kind of Unet, in words. */
  readonly kind: string;
  /** Options that supply it. */
  readonly options: readonly ("image" | "mask")[];
  /** Options that say nothing to such a Unet. */
  readonly refused: readonly ("mask" | "strength")[];
  /** Whether the image is also where the steps start. */
  readonly isStart: boolean;
  /** Whether its random numbers come before the sample's noise, or behind it. */
  readonly drawsFirst: boolean;
  /** The contexts that are told; others read zeros. */
  readonly contexts: readonly Context[];
  /** Whether guidance has a weight of its own for it, and so a third context. */
  readonly isGuided: boolean;
  /** Whether the image has the size of the sample, in latent pixels. */
  readonly isSmall: boolean;
  /** What its class takes for the guidance weight, where that is not 7.5. */
  readonly guidanceScale?: number;
  /** What the Unet is told as its class. */
  readonly classLabel?: (request: InputRequest) => number;
  /** Makes the channels of a call's images. */
  readonly value: (given: ChannelsGiven) => Promise<DrawChannels>;
}

/** One image's channels by its random numbers, `[channel, height, width]`. */
export type DrawChannels = (random: NoiseGenerator) => Float32Array;

/** What the channels are made of. */
export interface ChannelsGiven {
  /** What the call asks for. */
  readonly request: InputRequest;
  /** As it was handed in. */
  readonly image: InputPicture;
  /** As it was handed in. */
  readonly mask: InputPicture | undefined;
  /** Of the sample. */
  readonly height: number;
  /** Of the sample. */
  readonly width: number;
  /** low_res_scheduler/scheduler_config.json, where there is one. */
  readonly lowResScheduler: Readonly<Record<string, unknown>> | undefined;
  /** Latents of pixels in [-1, 1]. */
  readonly encode: (image: ImageArray) => Promise<LatentDistribution>;
  /** What latents are multiplied by before the Unet reads them. */
  readonly scalingFactor: number;
}
