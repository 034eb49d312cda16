// Which files of a model folder phaseskip reads, and whether they fit together.

import { elementCount, loadGraph, PhaseskipError } from "@phaseskip/graph";
import {
  externalPaths,
  PartFiles,
  roleOf,
  type ModelFile,
  type ModelFolder,
  type ModelIndex,
} from "@phaseskip/runtime/internals";

/** What of a pipeline has a configuration of its own. */
const parts = [
  ...["unet", "text_encoder", "text_encoder_2", "vae", "vae_decoder"],
  ...["vae_encoder", "features"],
];

/**
 * The files that phaseskip reads, sorted by path, every dtype of a network among them; others may lie beside them.
 * @throws {PhaseskipError} `model-invalid` If one is missing, or cut short.
 */
export async function modelFiles(
  folder: ModelFolder,
  index: ModelIndex,
  signal?: AbortSignal,
): Promise<readonly ModelFile[]> {
  const found = new PartFiles(folder);
  const device = { hasHalf: false };
  const needed = [index.unetPath];
  for (const part of index.textEncoders)
    needed.push(await found.path(part, device, signal));
  if (index.hasVae)
    needed.push(await found.path("vae_decoder", device, signal));
  const paths = (await folder.paths(signal)) ?? [];
  const optional = [
    ...["model_index.json", "features/features.json"],
    ...["scheduler/scheduler_config.json", "scheduler_config.json"],
    index.unetPath.replace(/[^/]+$/, "phaseskip-inputs.json"),
    ...parts.map((name) => `${name}/config.json`),
    ...paths.filter((path) => isNetwork(path) || isText(path)),
    ...paths.filter((path) => /^plans\/[^/]+\.json$/.test(path)),
  ];
  const files = new Map<string, ModelFile>();
  for (const path of new Set([...needed, ...optional])) {
    const file = await folder.file(path, signal);
    if (file) files.set(path, file);
    else if (needed.includes(path)) throw missing(folder, path);
    if (file && path.endsWith(".onnx"))
      for (const beside of await weightFiles(folder, file, signal))
        files.set(beside.path, beside);
  }
  return [...files.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

const isNetwork = (path: string) =>
  path === "features/model.onnx" || roleOf(path) !== undefined;

/** The files of tokenizers, which may also lie beside model_index.json. */
const isText = (path: string) =>
  /^tokenizer(_2)?\/[^/]+\.(json|txt)$/.test(path) ||
  /^(tokenizer(_config)?\.json|special_tokens_map\.json|vocab\.json|merges\.txt)$/.test(
    path,
  );

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

function missing(folder: ModelFolder, path: string): PhaseskipError {
  return new PhaseskipError(
    "model-invalid",
    `Cannot pack the model at ${folder.location} as it has no ${path}`,
  );
}
