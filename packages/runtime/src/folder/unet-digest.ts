// What a plan knows its model by: a digest of the Unet's files.

import type { Graph } from "@phaseskip/graph";
import { PhaseskipError } from "@phaseskip/graph";
import type { ModelFolder } from "./folder.js";
import type { ModelFile } from "../store/model-file.js";
import { LISTED_CHUNK_BYTES } from "../store/model-manifest.js";
import { bytesOfHex, hasSha256, sha256 } from "../store/sha256.js";

/**
 * `sha256:` and the hexadecimal SHA-256 over the SHA-256 digests of the 16 MiB chunks of a Unet's files:
 * the ONNX file, then its external files by location, each one from a new chunk on.
 *
 * @param folder the model folder
 * @param graph the Unet's graph, which names the external files
 * @param path the Unet's ONNX file
 * @returns undefined outside a secure context, where there is no SHA-256
 * @throws {PhaseskipError} `model-invalid` If a file is missing
 */
export async function unetDigest(
  folder: ModelFolder,
  graph: Pick<Graph, "weights">,
  path: string,
  signal?: AbortSignal,
): Promise<string | undefined> {
  if (!hasSha256()) return undefined;
  const locations = new Set<string>();
  for (const { data } of graph.weights.values())
    if ("location" in data && data.location) locations.add(data.location);
  let digests = "";
  const directory = path.slice(0, path.lastIndexOf("/") + 1);
  const beside = [...locations].sort().map((name) => directory + name);
  for (const name of [path, ...beside]) {
    const file = await folder.file(name, signal);
    if (!file) {
      throw new PhaseskipError(
        "model-invalid",
        `Cannot load the model as its weights file ${name} is missing from ${folder.location}`,
      );
    }
    digests += await chunkDigests(file, signal);
  }
  return `sha256:${await sha256(bytesOfHex(digests))}`;
}

/** The digests of a file's chunks, one behind the other; a file that was loaded over HTTP knows them. */
async function chunkDigests(
  file: ModelFile,
  signal: AbortSignal | undefined,
): Promise<string> {
  const { size, sha256: known } = file;
  if (known) return known.join("");
  let digests = "";
  for (let at = 0; at < size; at += LISTED_CHUNK_BYTES) {
    signal?.throwIfAborted();
    const chunk = await file.read(at, Math.min(LISTED_CHUNK_BYTES, size - at));
    digests += await sha256(new Uint8Array(chunk));
  }
  return digests;
}
