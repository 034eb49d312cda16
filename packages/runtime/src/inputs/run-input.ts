// What an entry of the table of inputs is, and what it is given to make an image's values of.

import type { UnetInput } from "@phaseskip/graph";
import type { Context } from "../plan/plan.js";
import type { InputRequest } from "./input-options.js";
import type { SampleChannels } from "./sample-channel.js";

/** An input of the Unet beside sample and timestep. */
export interface RunInput extends UnetInput {
  /** What supplies it, for whoever lacks it: an option of a call, or a part of the model. */
  readonly source: string;
  /**
   * The values of one image in one context, without the batch.
   * @returns undefined where what supplies it is missing
   */
  readonly value: (given: InputGiven) => Float32Array | undefined;
}

/** What the values of an input are made of. */
export interface InputGiven {
  /** The input's name in the graph. */
  readonly name: string;
  /** Names of the model's ControlNets, in the order of `control`. */
  readonly controlNets: readonly string[];
  /** What the call asks for. */
  readonly request: InputRequest;
  /** The stream through the Unet. */
  readonly context: Context;
  /** Which of the call's prompts the image is drawn from. */
  readonly prompt: number;
  /** Guidance weight of the run; up to 1 it is off. */
  readonly guidanceScale: number;
  /** Height and width of the picture, in pixels. */
  readonly pictureSize: readonly [height: number, width: number];
  /** Whether the picture is made of another one. */
  readonly isFromImage: boolean;
  /** Numbers that the Unet takes of this input for one image. */
  readonly length: number;
  /** What the Unet reads in channels behind the sample's; undefined where it has none. */
  readonly channels: SampleChannels | undefined;
  /** What the text encoders make of what the context is told, or the caller's own embeddings. */
  readonly text: GivenText;
}

/** A context's text as the Unet takes it. */
export interface GivenText {
  /** `[token, width]` */
  readonly hidden?: Float32Array;
  /** Of the whole text. */
  readonly pooled?: Float32Array;
}
