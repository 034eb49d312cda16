// What planning needs to know of a model.

import type { Graph, Unet, UnetSize } from "@phaseskip/graph";
import type { ModelFolder } from "../folder/folder.js";
import type { ModelIndex } from "../folder/model-index.js";

/** What planning needs to know of a model. */
export interface PlannableModel {
  /** Where its files are. */
  readonly folder: ModelFolder;
  /** What its `model_index.json` and configurations say. */
  readonly index: ModelIndex;
  /** The Unet as exported, without its weights. */
  readonly unetGraph: Graph;
  /** Tokens of every text, which are padded to one length; undefined without a tokenizer. */
  readonly textTokens: number | undefined;
  /** Windows of `textTokens` that a text needs; missing where no text is read. */
  readonly textWindows?: (text: string) => number;
  /** The Unet at a size. */
  analyse(size: UnetSize): Unet;
  /**
   * Another network's graph, without its weights.
   * @throws {PhaseskipError} If the folder has none
   */
  network(name: NetworkName, signal?: AbortSignal): Promise<Graph>;
  /** What plans know the model by; undefined where there is no SHA-256. */
  digest(signal?: AbortSignal): Promise<string | undefined>;
}

/** Networks of a pipeline beside the Unet: folders of the model. */
export type NetworkName =
  "text_encoder" | "text_encoder_2" | "vae_encoder" | "vae_decoder";
