// An ONNX file of a model folder, read without its weights.

import type { Graph } from "@phaseskip/graph";
import { PhaseskipError, loadGraph } from "@phaseskip/graph";
import type { ModelFolder } from "./folder.js";

/**
 * Reads an ONNX file's graph, without its weights.
 * @throws {PhaseskipError} `model-invalid` If the folder has no such file
 */
export async function readGraph(
  folder: ModelFolder,
  path: string,
  signal?: AbortSignal,
): Promise<Graph> {
  const file = await folder.file(path, signal);
  if (!file) {
    throw new PhaseskipError(
      "model-invalid",
      `Cannot load the model at ${folder.location} as it has no ${path}`,
    );
  }
  return loadGraph(file, path);
}
