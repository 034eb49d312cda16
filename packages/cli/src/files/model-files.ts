// Which files of a model folder phaseskip reads, and whether they fit together.

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { elementCount, loadGraph, PhaseskipError } from "@phaseskip/graph";
import {
  externalPaths,
  type ModelFile,
  type ModelFolder,
  type ModelIndex,
} from "@phaseskip/runtime/internals";

/** The networks of a pipeline, each in a folder of its own with a `model.onnx`. */
const networks = [
  "unet",
  "text_encoder",
  "text_encoder_2",
  "vae_decoder",
  "vae_encoder",
  "features",
];

/**
 * The files that phaseskip reads, sorted by path; others may lie beside them.
 * @throws {PhaseskipError} `model-invalid` If one is missing, or cut short.
 */
export async function modelFiles(
  folder: ModelFolder,
  index: ModelIndex,
  signal?: AbortSignal,
): Promise<readonly ModelFile[]> {
  const needed = new Set(["model_index.json", "unet/model.onnx"]);
  if (index.hasTextEncoder) needed.add("text_encoder/model.onnx");
  if (index.hasTextEncoder2) needed.add("text_encoder_2/model.onnx");
  if (index.hasVae) needed.add("vae_decoder/model.onnx");
  const optional = [
    "scheduler/scheduler_config.json",
    "features/features.json",
    ...networks.map((name) => `${name}/config.json`),
    ...networks.map((name) => `${name}/model.onnx`),
    ...(await inFolder(folder, "tokenizer", /\.(json|txt)$/)),
    ...(await inFolder(folder, "tokenizer_2", /\.(json|txt)$/)),
    ...(await inFolder(folder, "plans", /\.json$/)),
  ];
  const files = new Map<string, ModelFile>();
  for (const path of new Set([...needed, ...optional])) {
    const file = await folder.file(path, signal);
    if (file) files.set(path, file);
    else if (needed.has(path)) throw missing(folder, path);
    if (file && path.endsWith(".onnx"))
      for (const beside of await weightFiles(folder, file, signal))
        files.set(beside.path, beside);
  }
  return [...files.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** The files that hold a network's weights beside it, each long enough. */
async function weightFiles(
  folder: ModelFolder,
  network: ModelFile,
  signal?: AbortSignal,
): Promise<readonly ModelFile[]> {
  const graph = await loadGraph(network, network.path);
  const files = new Map<string, ModelFile>();
  for (const path of externalPaths(network.path, graph)) {
    const file = await folder.file(path, signal);
    if (!file) throw missing(folder, path);
    files.set(path, file);
  }
  const directory = network.path.slice(0, network.path.lastIndexOf("/") + 1);
  for (const { name, data, dims } of graph.weights.values()) {
    if (!("location" in data) || elementCount(dims) === 0) continue;
    const file = data.location
      ? files.get(directory + data.location)!
      : network;
    if (data.offset + data.length <= file.size) continue;
    throw new PhaseskipError(
      "model-invalid",
      `Cannot pack the model at ${folder.location} as ${file.path} must have ${data.offset + data.length} bytes for the weight ${name}: it has ${file.size}`,
    );
  }
  return [...files.values()];
}

async function inFolder(
  folder: ModelFolder,
  name: string,
  pattern: RegExp,
): Promise<readonly string[]> {
  const names = await readdir(join(folder.location, name)).catch(() => []);
  return names
    .filter((file) => pattern.test(file) && !file.startsWith("."))
    .map((file) => `${name}/${file}`);
}

function missing(folder: ModelFolder, path: string): PhaseskipError {
  return new PhaseskipError(
    "model-invalid",
    `Cannot pack the model at ${folder.location} as it has no ${path}`,
  );
}
