// phaseskip.json: a model's own list of its files, written by `phaseskip pack`.
//
//   {
//     "format": "phaseskip-model", "version": 1,
//     "licence": "MIT",
//     "plans": ["balanced", "quality"],
//     "files": { "unet/model.onnx": { "size": 518674, "sha256": ["64 hexadecimal digits", …] } }
//   }
//
// `sha256` has one entry for each 16 MiB of the file, the last of them for what is left.

import { PhaseskipError } from "@phaseskip/graph";
import { chunkCount } from "./chunk-store.js";
import type { ExpectedFile } from "./expected-file.js";
import { bytesOfHex, sha256 } from "./sha256.js";

/** The list's path inside the model folder. */
export const MANIFEST_PATH = "phaseskip.json";

/** Bytes that one digest is for: small enough for every browser's storage, large enough to read at the disk's speed. */
export const LISTED_CHUNK_BYTES = 2 ** 24;

/** One file as the list has it. */
export interface ListedFile {
  /** Size in bytes. */
  readonly size: number;
  /** SHA-256 of each chunk, 64 hexadecimal digits. */
  readonly sha256: readonly string[];
}

/** What phaseskip.json says. */
export interface ModelManifest {
  /** The model's licence, such as an SPDX identifier. */
  readonly licence: string | undefined;
  /** The names of the plans that the model ships. */
  readonly plans: readonly string[];
  /** Files by path inside the folder; others may lie beside them. */
  readonly files: ReadonlyMap<string, ListedFile>;
}

/**
 * Reads the list.
 * @param value the parsed JSON
 * @param address where it came from, for messages
 * @param chunkBytes size of a chunk in bytes
 * @throws {PhaseskipError} `model-invalid` If it is no such list.
 */
export function parseManifest(
  value: unknown,
  address: string,
  chunkBytes: number,
): ModelManifest {
  const wrong = (reason: string) =>
    new PhaseskipError(
      "model-invalid",
      `Cannot use ${address} as ${reason}: run "phaseskip pack" to write it anew`,
    );
  if (!isObject(value)) throw wrong("it is no JSON object");
  const { format, version, licence, plans = [], files = {} } = value;
  if (format !== "phaseskip-model" || version !== 1) {
    throw wrong(
      `its format must be "phaseskip-model" in version 1: current value is ${JSON.stringify([format, version])}`,
    );
  }
  if (!Array.isArray(plans) || !plans.every((name) => typeof name === "string"))
    throw wrong("its plans must be a list of names");
  if (!isObject(files)) throw wrong("its files must be an object");
  const listed = Object.entries(files).map(([path, file]) => {
    if (!isListed(file, chunkBytes)) {
      throw wrong(
        `${path} must have a size and one SHA-256 for each chunk of ${chunkBytes} bytes`,
      );
    }
    return [path, { size: file.size, sha256: file.sha256 }] as const;
  });
  return {
    licence: typeof licence === "string" ? licence : undefined,
    plans,
    files: new Map(listed),
  };
}

/**
 * What a listed file must be. Its version is `sha256:` and 64 hexadecimal digits over the digests of its chunks; needs a
 * secure context.
 */
export async function expectListed(file: ListedFile): Promise<ExpectedFile> {
  const version = `sha256:${await sha256(bytesOfHex(file.sha256.join("")))}`;
  return { ...file, version, mismatch: notListed };
}

/**
 * Whether every load of the model reads this file. Plans, the network for metrics and the encoder for images to start
 * from wait until they are asked for.
 */
export function isLoaded(path: string): boolean {
  return !/^(plans|features)\/|^phaseskip\.json$|(^|\/)vae_encoder/.test(path);
}

/** The error for a file that is not the one that the list names. */
function notListed(address: string, how: string): PhaseskipError {
  return new PhaseskipError(
    "integrity",
    `Cannot use ${address} as it is not the file that the model's ${MANIFEST_PATH} lists, ${how}: if it was changed on purpose, run "phaseskip pack" again where it came from`,
  );
}

function isListed(file: unknown, chunkBytes: number): file is ListedFile {
  if (!isObject(file)) return false;
  const { size, sha256: digests } = file;
  return (
    Number.isSafeInteger(size) &&
    Number(size) >= 0 &&
    Array.isArray(digests) &&
    digests.length === chunkCount(Number(size), chunkBytes) &&
    digests.every((digest) => /^[0-9a-f]{64}$/.test(String(digest)))
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
