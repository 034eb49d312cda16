// At which size a model draws.

import type { Graph } from "@phaseskip/graph";
import { PhaseskipError } from "@phaseskip/graph";
import type { ModelFolder } from "../folder.js";
import type { ModelIndex } from "../model-index.js";

/**
 * Height and width of the sample: what the graph is fixed to, else what the configuration says.
 * @throws {PhaseskipError} `model-invalid` if neither says it
 */
export function sampleSize(
  folder: ModelFolder,
  { unetConfig }: ModelIndex,
  graph: Graph,
): readonly [number, number] {
  const dims = graph.inputs.find(({ name }) => name === "sample")?.dims;
  const [height, width] = [dims?.[2], dims?.[3]];
  if (typeof height === "number" && typeof width === "number")
    return [height, width];
  if (unetConfig.sampleSize) return unetConfig.sampleSize;
  throw new PhaseskipError(
    "model-invalid",
    `Cannot choose a size for the model at ${folder.location} as its unet/config.json has no sample_size`,
  );
}
