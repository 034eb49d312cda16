// The Unets that mutators start from, and what is done with a Unet's file.

import { readFile } from "node:fs/promises";
import {
  analyseUnet,
  bytesSource,
  fixedBatch,
  liveGraph,
  loadGraph,
  networkMacs,
  partition,
  segmentModel,
  wholeModel,
  type Graph,
  type Unet,
} from "@phaseskip/graph";
import { handMadeUnet } from "../../packages/graph/test/hand-made-unet.js";

/** The bytes of a model file under `models/`. */
export async function modelBytes(
  path: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const url = new URL(`../../models/${path}`, import.meta.url);
  return new Uint8Array(await readFile(url));
}

/** A Unet of a dozen nodes, with a branch and a local function. */
export async function handMade(): Promise<Unet> {
  const graph = await loadGraph(bytesSource(handMadeUnet()));
  return analyseUnet(graph, { batch: 1, channels: 2, height: 4, width: 4 });
}

/** All that is done with a Unet's file before a session sees it: read, looked at, cut three ways, written. */
export async function useUnet(bytes: Uint8Array): Promise<void> {
  const graph = await loadGraph(bytesSource(bytes), "unet/model.onnx");
  const unet = analyseUnet(graph, {
    batch: fixedBatch(graph) ?? 1,
    ...sizeOf(graph),
  });
  const paths = [...unet.units.units.keys()];
  const fresh = liveGraph(unet, new Set(), () => "fresh");
  const kept = paths[Math.floor(paths.length / 2)];
  const signatures = [fresh];
  if (kept !== undefined)
    signatures.push(liveGraph(unet, new Set([kept]), () => "cache"));
  const { segments } = partition(unet, signatures);
  for (const segment of segments) segmentModel(unet, segment, true);
}

/** All that is done with another network's file. */
export async function useNetwork(bytes: Uint8Array): Promise<void> {
  const graph = await loadGraph(bytesSource(bytes), "text_encoder/model.onnx");
  networkMacs(graph, () => [1, 12]);
  wholeModel(graph, true);
}

function sizeOf(graph: Graph) {
  const dims = graph.inputs.find(({ name }) => name === "sample")?.dims ?? [];
  const [, channels, height, width] = dims.map((dim) =>
    typeof dim === "number" && dim > 0 ? dim : undefined,
  );
  return {
    channels: channels ?? 4,
    height: height ?? 16,
    width: width ?? 16,
    tokens: 12,
    textWidth: 8,
  };
}
