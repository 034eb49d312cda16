// Fetches one chunk of a stored file again.

import { PhaseskipError } from "@phaseskip/graph";
import type { FileKey } from "../store/chunk-store.js";
import type { StoredFile } from "../store/chunk-store.js";
import type { FileSource } from "./file-source.js";
import { contentRange } from "./file-version.js";
import { reasonOf, request, statusError } from "./http-request.js";
import { sha256 } from "../store/sha256.js";
import { StallGuard } from "./stall-guard.js";

/** Which chunk, and where it is fetched. */
export interface MendOptions {
  /** Where the file is fetched. */
  readonly url: URL;
  /** The hub that has it, if one does. */
  readonly source: FileSource | undefined;
  /** Offset of the chunk in bytes. */
  readonly offset: number;
  /** What the store said, if it failed. */
  readonly cause: unknown;
  /** How long the server may send nothing, in ms. */
  readonly stallMs: number;
}

/**
 * Fetches a chunk that is gone or damaged, and puts it back, unless the file was dropped or changed meanwhile.
 * @throws {PhaseskipError} `integrity` If these bytes cannot be had any more.
 */
export async function mendChunk(
  key: FileKey,
  { store, record }: StoredFile,
  { url, source, offset, cause, stallMs }: MendOptions,
): Promise<ArrayBuffer> {
  const { size, version, chunkBytes, sha256: digests } = record;
  const address = key.model + key.path;
  const lost = (reason: string, error: unknown = cause) =>
    new PhaseskipError(
      "integrity",
      `Cannot read ${address} as part of it is damaged or gone in the browser's storage, and ${reason}: load the model again`,
      { cause: error },
    );
  const end = Math.min(offset + chunkBytes, size);
  const guard = new StallGuard(undefined, address, stallMs);
  let chunk: Uint8Array<ArrayBuffer> | undefined;
  try {
    const headers = {
      ...(await source?.headers()),
      Range: `bytes=${offset}-${end - 1}`,
    };
    const response = await guard.watch(
      request(url, address, { headers }, guard.signal),
    );
    if (!response.ok) throw statusError(response, address);
    const from =
      response.status === 206 ? (contentRange(response)?.start ?? offset) : 0;
    const isSame = digests || response.headers.get("etag") === version;
    if (isSame && response.body)
      chunk = await take(response.body, guard, offset - from, end - from);
  } catch (error) {
    throw lost(`it cannot be fetched (${reasonOf(error)})`, error);
  } finally {
    guard.end();
  }
  const digest = chunk && digests && (await sha256(chunk));
  if (!chunk || digest !== digests?.[offset / chunkBytes])
    throw lost("the server has another version");
  await store.mend(key, version, offset, chunk).catch(() => undefined);
  return chunk.buffer;
}

/** Bytes `start` to `end` of a body; `undefined` where it is shorter. */
async function take(
  body: ReadableStream<Uint8Array>,
  guard: StallGuard,
  start: number,
  end: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const taken = new Uint8Array(end - start);
  const reader = body.getReader();
  let at = 0;
  while (at < end) {
    const { done, value } = await guard.watch(reader.read());
    if (done) return undefined;
    const piece = value.subarray(Math.max(0, start - at), end - at);
    taken.set(piece, Math.max(0, at - start));
    at += value.byteLength;
  }
  void reader.cancel().catch(() => undefined);
  return taken;
}
