// What a plan knows its model by: a digest of the Unet's files.

import type { Graph } from "@phaseskip/graph";
import { PhaseskipError } from "@phaseskip/graph";
import type { ModelFolder } from "./folder.js";

/** Bytes that are digested together. */
const chunkBytes = 16 << 20;

/**
 * `sha256:` and the hexadecimal SHA-256 over the SHA-256 digests of the 16 MiB chunks of a Unet's files:
 * `unet/model.onnx`, then its external files by location, each one from a new chunk on.
 *
 * @param folder the model folder
 * @param graph the Unet's graph, which names the external files
 * @returns undefined outside a secure context, where there is no SHA-256
 * @throws {PhaseskipError} `model-invalid` If a file is missing
 */
export async function unetDigest(
  folder: ModelFolder,
  graph: Pick<Graph, "weights">,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const subtle = (globalThis.crypto as Crypto | undefined)?.subtle;
  if (!subtle) return undefined;
  const locations = new Set<string>();
  for (const { data } of graph.weights.values())
    if ("location" in data && data.location) locations.add(data.location);
  const digests: ArrayBuffer[] = [];
  for (const name of ["model.onnx", ...[...locations].sort()]) {
    const file = await folder.file(`unet/${name}`, signal);
    if (!file) {
      throw new PhaseskipError(
        "model-invalid",
        `Cannot load the model as its weights file unet/${name} is missing from ${folder.location}`,
      );
    }
    for (let at = 0; at < file.size; at += chunkBytes) {
      signal?.throwIfAborted();
      const length = Math.min(chunkBytes, file.size - at);
      digests.push(
        await subtle.digest(
          "SHA-256",
          new Uint8Array(await file.read(at, length)),
        ),
      );
    }
  }
  const all = await new Blob(digests).arrayBuffer();
  const bytes = new Uint8Array(await subtle.digest("SHA-256", all));
  return `sha256:${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
