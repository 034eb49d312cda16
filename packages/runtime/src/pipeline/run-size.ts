// At which sizes a run calls the Unet.

import { classDefaults } from "../folder/class-defaults.js";
import type { PlannableModel } from "./plannable-model.js";
import type { Unet, UnetSize } from "@phaseskip/graph";
import { fixedBatch } from "@phaseskip/graph";
import type { Request } from "./request.js";
import { imageCount } from "./request.js";
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
  >;

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
  /** Contexts where no plan turns guidance off: 2 where it mixes two outputs of the Unet. */
  readonly contextCount: 1 | 2;
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
  const unsaid = classDefaults(index.pipelineClass, request).guidanceScale;
  const guidanceScale =
    index.hasTextEncoder || request.promptEmbeds
      ? (request.guidanceScale ?? index.guidanceScale ?? unsaid)
      : 1;
  // such a Unet was trained to do at once what guidance does with two outputs
  const isDistilled = unetGraph.inputs.some(
    ({ name }) => name === "timestep_cond",
  );
  const count = imageCount(request);
  const [height, width] = sampleSize(model.folder, index, unetGraph, request);
  const { inChannels: channels, crossAttentionDim } = index.unetConfig;
  const batch = fixedBatch(unetGraph) ?? count;
  const size: UnetSize = {
    batch,
    channels,
    height,
    width,
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
    // as diffusers: a weight up to 1 leads nowhere
    contextCount: guidanceScale <= 1 || isDistilled ? 1 : 2,
    shape: [count, channels, height, width],
  };
}
