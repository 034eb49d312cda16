// The model folders with random weights that the tests read.

import { readFileSync } from "node:fs";
import { unetInputs } from "../../runtime/src/inputs/unet-inputs.js";
import { bytesSource } from "../src/byte-source.js";
import type { Graph } from "../src/graph.js";
import { loadGraph } from "../src/load/load-graph.js";
import type { ModelProto } from "../src/onnx/onnx_pb.js";
import { readModelProto, writeModelProto } from "../src/onnx/onnx_pb.js";
import { decode, encode } from "../src/onnx/wire.js";
import type { Unet, UnetSize } from "../src/unet.js";
import { analyseUnet, fixedBatch } from "../src/unet.js";

/** Every fixture whose Unet takes inputs that are known. */
export const unetFixtures = [
  "tiny-text-ts",
  "tiny-text-dynamo",
  "tiny-ddpm-ts",
  "tiny-sd-ts",
  "tiny-sd-dynamo",
  "tiny-text-ts-f16",
  "tiny-text-dynamo-f16",
  "tiny-text-ts-static",
  "tiny-ddpm-dynamo-static",
  "tiny-lcm-ts",
  "tiny-sdxl-ts",
] as const;

/** The bytes of a file in a fixture's folder. */
export function fixtureBytes(
  name: string,
  file = "unet/model.onnx",
): Uint8Array<ArrayBuffer> {
  const path = new URL(`../../../models/${name}/${file}`, import.meta.url);
  return new Uint8Array(readFileSync(path));
}

/** A fixture's Unet. */
export function fixtureGraph(name: string): Promise<Graph> {
  return loadGraph(bytesSource(fixtureBytes(name)), name);
}

/** The size that a fixture's Unet is run at. */
export function fixtureSize(
  name: string,
  graph: Graph,
  size: Partial<UnetSize> = {},
): UnetSize {
  return {
    batch: fixedBatch(graph) ?? 1,
    channels: /^tiny-(sd|lcm)/.test(name) ? 4 : 3,
    height: 16,
    width: 16,
    tokens: 12,
    textWidth: 8,
    ...size,
  };
}

const unets = new Map<string, Promise<Unet>>();

/** A fixture's Unet at its size; each is read once. */
export function fixtureUnet(name: string): Promise<Unet> {
  const known = unets.get(name);
  if (known) return known;
  const unet = fixtureGraph(name).then((graph) =>
    analyseUnet(graph, fixtureSize(name, graph), unetInputs),
  );
  unets.set(name, unet);
  return unet;
}

/** A fixture's Unet after its file was changed. */
export async function changedUnet(
  name: string,
  change: (model: ModelProto) => void,
): Promise<Unet> {
  const model = decode(readModelProto, fixtureBytes(name));
  change(model);
  const graph = await loadGraph(bytesSource(encode(writeModelProto, model)));
  return analyseUnet(graph, fixtureSize(name, graph), unetInputs);
}

/** Removes every module name that an exporter left. */
export function dropNames(model: ModelProto): void {
  for (const node of model.graph!.node) {
    node.name = "";
    node.metadata_props = [];
  }
}

/** Removes those of weights, too. */
export function dropAllNames(model: ModelProto): void {
  dropNames(model);
  const graph = model.graph!;
  const names = new Map(
    graph.initializer.map(({ name }, i) => [name, `w${i}`]),
  );
  for (const tensor of graph.initializer)
    tensor.name = names.get(tensor.name) ?? tensor.name;
  for (const node of graph.node)
    node.input = node.input.map((input) => names.get(input) ?? input);
}
