// A model folder as instruments see it: its Unet's graph at one input size, without running it.

import { hubRequest } from "../files/hub-options.js";
import { analyseUnet, type Graph } from "@phaseskip/graph";
import type { GenerateOptions, UnetInputs } from "@phaseskip/runtime";
import {
  besideControlNets,
  controlledUnet,
  loadModelIndex,
  loadTokenizer,
  openFolder,
  parseRequest,
  PartFiles,
  planRun as planRequest,
  sizeRun,
  unetDigest,
  modelInputs,
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
 * @param location path or URL of the model folder, or its name on a hub
 * @param dtype which of a network's files is read. @default the best that WASM runs
 * @param revision of a model that is named. @default main
 * @param inputs how the Unet calls what it takes. @default as diffusers does, or as the file beside it says
 * @param controlNets where ControlNets lie that are no part of the folder. @default none
 * @throws {PhaseskipError} If the folder cannot be read, or holds no Unet that is known here.
 */
export async function inspectModel(
  location: string,
  signal?: AbortSignal,
  dtype?: string,
  revision?: string,
  inputs?: UnetInputs,
  controlNets: readonly string[] = [],
): Promise<ModelInspection> {
  const opening = {
    cache: false,
    hub: hubRequest({ ...(revision !== undefined && { revision }) }),
    ...(signal && { signal }),
  };
  const own = await openFolder(location, opening);
  const folder =
    controlNets.length === 0
      ? own
      : await besideControlNets(own, controlNets, opening);
  try {
    const parts = new PartFiles(folder, dtype, inputs);
    const index = await loadModelIndex(folder, signal, { parts, device });
    const file = await parts.graph("unet", device, signal);
    const graph = await controlledUnet(
      folder,
      index,
      file,
      modelInputs(file, index.constants),
      signal,
    );
    const path = index.unetPath;
    const table = modelInputs(graph, index.constants);
    const model: PlannableModel = {
      folder,
      index,
      unetGraph: graph,
      textTokens: await textLength(parts, index, signal),
      network: (name, stop) => parts.graph(name, device, stop),
      analyse: (size) => analyseUnet(graph, size, table),
      digest: (stop) => unetDigest(folder, file, path, stop),
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

/** What a model is inspected for: WASM, which widens float16. */
const device = { hasHalf: false };

/** Tokens of every prompt, which are padded to one length; undefined without a tokenizer. */
async function textLength(
  parts: PartFiles,
  { textEncoders }: ModelIndex,
  signal?: AbortSignal,
): Promise<number | undefined> {
  const [encoder] = textEncoders;
  if (encoder === undefined) return undefined;
  const name = encoder.replace("text_encoder", "tokenizer");
  const graph = () => parts.graph(encoder, device, signal);
  const tokenizer = await loadTokenizer(parts.folder, name, signal, graph);
  return tokenizer.modelMaxLength;
}
