// A model's ControlNets, joined to its Unet. A file of its own in an app, fetched for models that have some.

import type { Graph, UnetInput } from "@phaseskip/graph";
import { attachControls, fixedBatch } from "@phaseskip/graph";
import type { ModelFolder } from "../folder/folder.js";
import type { ModelIndex } from "../folder/model-index.js";
import { readGraph } from "../folder/read-graph.js";
import { openExternalFiles } from "../unet/weights.js";

/**
 * The Unet with its ControlNets attached; the Unet itself where there are none.
 * @param inputs what the Unet may take beside sample and timestep
 * @throws {PhaseskipError} `model-unsupported` If one does not fit the Unet
 */
export async function controlledUnet(
  folder: ModelFolder,
  { controlNets, unetConfig }: ModelIndex,
  unet: Graph,
  inputs: readonly UnetInput[],
  signal?: AbortSignal,
): Promise<Graph> {
  const { sampleSize = [64, 64], inChannels, crossAttentionDim } = unetConfig;
  const controls = [];
  for (const name of controlNets) {
    const file = `${name}/model.onnx`;
    const graph = await readGraph(folder, file, signal);
    await openExternalFiles(folder, file, graph, signal);
    controls.push({ name, graph, file });
  }
  const [height, width] = sampleSize;
  const size = {
    batch: fixedBatch(unet) ?? 1,
    channels: inChannels,
    ...{ height, width },
    ...(crossAttentionDim !== undefined && { textWidth: crossAttentionDim }),
  };
  return attachControls(unet, controls, size, inputs);
}
