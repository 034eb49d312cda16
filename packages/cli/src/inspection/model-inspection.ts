// A model folder as instruments see it: its Unet's graph at one input size, without running it.

import {
  analyseUnet,
  loadGraph,
  PhaseskipError,
  type Graph,
} from "@phaseskip/graph";
import type { GenerateOptions } from "@phaseskip/runtime";
import {
  loadModelIndex,
  loadTokenizer,
  openFolder,
  parseRequest,
  planRun as planRequest,
  readGraph,
  sizeRun,
  unetDigest,
  type ModelFolder,
  type ModelIndex,
  type PlannableModel,
  type PlannedRun,
  type RunSize,
} from "@phaseskip/runtime/internals";

/** What is known of a model without running it. Its sizes are those of a call that draws one picture. */
export interface ModelInspection extends PlannableModel, RunSize {
  /** The Unet's graph. */
  readonly graph: Graph;
}

/**
 * Reads a model's configuration and its Unet's graph; no weights, no ONNX Runtime. The folder stays open: the caller
 * closes it.
 * @param location path or URL of the model folder
 * @throws {PhaseskipError} If the folder cannot be read, or holds no Unet that is known here.
 */
export async function inspectModel(
  location: string,
  signal?: AbortSignal,
): Promise<ModelInspection> {
  const folder = await openFolder(location, {
    cache: false,
    ...(signal && { signal }),
  });
  try {
    const index = await loadModelIndex(folder, signal);
    const file = await folder.file("unet/model.onnx", signal);
    if (!file) {
      throw new PhaseskipError(
        "model-invalid",
        `Cannot load the model at ${folder.location} as it has no unet/model.onnx`,
      );
    }
    const graph = await loadGraph(file, "unet/model.onnx");
    const model: PlannableModel = {
      folder,
      index,
      unetGraph: graph,
      textTokens: await textLength(folder, index, signal),
      network: (name, stop) => readGraph(folder, `${name}/model.onnx`, stop),
      analyse: (size) => analyseUnet(graph, size),
      digest: (stop) => unetDigest(folder, graph, stop),
    };
    return {
      ...model,
      ...sizeRun(model, parseRequest({})),
      graph,
    };
  } catch (error) {
    await folder.close();
    throw error;
  }
}

/**
 * Works out what a run does on a model.
 * @param given a plan, the name of one that the model ships, or `none`
 * @param options what else is asked for. @default what a call that sets nothing does
 * @throws {PhaseskipError} whatever a run with this plan would throw before its first step
 */
export function planRun(
  model: ModelInspection,
  given: NonNullable<GenerateOptions["plan"]>,
  signal?: AbortSignal,
  options: GenerateOptions = {},
): Promise<PlannedRun> {
  const request = parseRequest({ ...options, plan: given });
  return planRequest(model, request, signal);
}

/** Tokens of every prompt, which are padded to one length; undefined without a tokenizer. */
async function textLength(
  folder: ModelFolder,
  { hasTextEncoder }: ModelIndex,
  signal?: AbortSignal,
): Promise<number | undefined> {
  if (!hasTextEncoder) return undefined;
  return (await loadTokenizer(folder, "tokenizer", signal)).modelMaxLength;
}
