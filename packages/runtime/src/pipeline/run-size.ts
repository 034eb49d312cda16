// At which sizes a run calls the Unet.

import { classDefaults } from "../folder/class-defaults.js";
import type { PlannableModel } from "./plannable-model.js";
import type { Unet, UnetSize } from "@phaseskip/graph";
import { fixedBatch } from "@phaseskip/graph";
import type { SampleChannels } from "../inputs/sample-channel.js";
import { channelsBeside } from "../inputs/sample-channels.js";
import type { Context } from "../plan/plan.js";
import type { Request } from "./request.js";
import { imageCount } from "../prompt/picture-count.js";
import { sampleSize } from "./sample-size.js";
import { checkEmbeddings } from "../prompt/check-embeddings.js";
import { textLength } from "../prompt/text-length.js";
import type { TextRequest } from "../prompt/text-options.js";

/** The part of a request that decides the sizes. */
export type SizeRequest = TextRequest &
  Pick<
    Request,
    | "numImagesPerPrompt"
    | "guidanceScale"
    | "guidanceRescale"
    | "height"
    | "width"
    | "image"
    | "mask"
    | "initNoiseShape"
    | "imageGuidanceScale"
  > &
  Partial<Pick<Request, "latents">>;

/** At which sizes a run calls the Unet, and with which guidance. */
export interface RunSize {
  /** The Unet at that size. */
  readonly unet: Unet;
  /** The sizes at which the Unet was looked at. */
  readonly size: UnetSize;
  /** Samples of one Unet call, padding included. */
  readonly batch: number;
  /** Unet calls for each context of a step. */
  readonly chunkCount: number;
  /** Guidance weight of the run; off up to 1. */
  readonly guidanceScale: number;
  /** How far guidance's output is scaled back, from 0, not at all, to 1. */
  readonly guidanceRescale: number;
  /** Guidance weight of the image that is edited, where the Unet reads one. */
  readonly imageGuidanceScale: number;
  /** Contexts where no plan turns guidance off: several where it mixes outputs of the Unet. */
  readonly contexts: readonly Context[];
  /** What the Unet reads in channels behind the sample's; undefined where it has none. */
  readonly channels: SampleChannels | undefined;
  /** `[image, channel, height, width]`. */
  readonly shape: readonly [number, number, number, number];
}

/**
 * Sizes a request on a model.
 * @throws {RangeError} If the model does not take what is asked for
 */
export function sizeRun(model: PlannableModel, request: SizeRequest): RunSize {
  const { index, unetGraph } = model;
  const tokens = textLength(model, request);
  const beside = channelsBeside(index.unetConfig, model.folder.location);
  const unsaid =
    beside?.guidanceScale ??
    classDefaults(index.pipelineClass, {
      image: request.image ?? request.latents,
      mask: request.mask,
    }).guidanceScale;
  const guidanceScale =
    index.hasTextEncoder || request.promptEmbeds
      ? (request.guidanceScale ?? index.guidanceScale ?? unsaid)
      : 1;
  // such a Unet was trained to do at once what guidance does with two outputs
  const isDistilled = unetGraph.inputs.some(
    ({ name }) => name === "timestep_cond",
  );
  const count = imageCount(request);
  const { imageGuidanceScale = 1.5 } = request;
  const [height, width] = sampleSize(
    model.folder,
    index,
    unetGraph,
    request,
    beside?.isSmall ? index.vaeScaleFactor : 1,
  );
  const { inChannels, sampleChannels, crossAttentionDim } = index.unetConfig;
  const batch = fixedBatch(unetGraph) ?? count;
  const size: UnetSize = {
    batch,
    channels: inChannels,
    height,
    width,
    pixels: index.vaeScaleFactor,
    ...(tokens !== undefined && { tokens }),
    ...(crossAttentionDim !== undefined && { textWidth: crossAttentionDim }),
  };
  const unet = model.analyse(size);
  checkEmbeddings(unet, request);
  return {
    unet,
    size,
    batch,
    chunkCount: Math.ceil(count / batch),
    guidanceScale,
    guidanceRescale: request.guidanceRescale ?? 0,
    imageGuidanceScale,
    contexts: contextsOf(
      beside,
      guidanceScale,
      imageGuidanceScale,
      isDistilled,
    ),
    channels: beside,
    shape: [count, sampleChannels, height, width],
  };
}

/** As in diffusers: a weight up to 1 leads nowhere. */
function contextsOf(
  beside: SampleChannels | undefined,
  guidanceScale: number,
  imageGuidanceScale: number,
  isDistilled: boolean,
): readonly Context[] {
  if (guidanceScale <= 1 || isDistilled) return ["cond"];
  if (!beside?.isGuided) return ["cond", "uncond"];
  return imageGuidanceScale >= 1 ? ["cond", "image", "uncond"] : ["cond"];
}
