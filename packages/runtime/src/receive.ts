// Streams the body of an answer into chunks and checks that all of it came.

import { PhaseskipError } from "@phaseskip/graph";
import type { ChunkSink } from "./chunk-sink.js";
import { plainLength } from "./file-version.js";
import { assertNoStandIn } from "./folder.js";
import { reasonOf } from "./request.js";

/** Bytes between two progress reports. */
const REPORT_BYTES = 2 ** 20;
/** By how much a compressed body may be larger than what it holds. */
const ENCODING_BYTES = 1024;

/** What is received, and who is told. */
export interface ReceiveOptions {
  /** Path inside the model folder. */
  readonly path: string;
  /** Address for messages. */
  readonly address: string;
  /** Offset of the body's first byte in the file. */
  readonly start: number;
  /** Size of a chunk in bytes. */
  readonly chunkBytes: number;
  /** Cancels between pieces. */
  readonly signal: AbortSignal | undefined;
  /** Told of the file's bytes that are there, and of its size where the server says it. */
  readonly onBytes: (loaded: number, total: number | undefined) => void;
}

/**
 * Receives a body.
 * @returns size of the file in bytes
 * @throws {PhaseskipError} `fetch-failed` If it breaks off; `model-invalid` if it is no model's file.
 */
export async function receive(
  response: Response,
  sink: ChunkSink,
  options: ReceiveOptions,
): Promise<number> {
  const { path, address, start, chunkBytes, signal, onBytes } = options;
  const length = plainLength(response);
  const total = length === undefined ? undefined : start + length;
  // Across origins the encoding may be hidden: then the announced length is only a hint.
  const isExact = response.type !== "cors";
  const chunk = new Uint8Array(
    isExact ? Math.min(chunkBytes, length ?? chunkBytes) : chunkBytes,
  );
  const reader = (response.body ?? new Blob().stream()).getReader();
  let [loaded, filled, reported] = [start, 0, start];

  const broken = (reason: string, cause?: unknown) => {
    const of = total === undefined ? "" : ` of ${total}`;
    const message = `Cannot fetch ${address} as it broke off after ${loaded}${of} bytes: ${reason}`;
    return new PhaseskipError("fetch-failed", message, { cause });
  };
  const flush = async () => {
    if (loaded === filled)
      assertNoStandIn(chunk.subarray(0, filled), path, address);
    await sink.write(
      loaded - filled,
      filled === chunk.byteLength ? chunk : chunk.subarray(0, filled),
    );
    filled = 0;
    signal?.throwIfAborted();
  };

  try {
    onBytes(loaded, total);
    for (;;) {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        signal?.throwIfAborted();
        throw broken(reasonOf(cause), cause);
      });
      if (done) break;
      if (isExact && total !== undefined && loaded + value.byteLength > total)
        throw broken("more came than announced");
      for (let used = 0; used < value.byteLength;) {
        const piece = value.subarray(used, used + chunk.byteLength - filled);
        chunk.set(piece, filled);
        used += piece.byteLength;
        filled += piece.byteLength;
        loaded += piece.byteLength;
        if (filled === chunkBytes) await flush();
      }
      if (loaded - reported >= REPORT_BYTES)
        onBytes((reported = loaded), total);
    }
    const missing = (total ?? loaded) - loaded;
    if (missing > (isExact ? 0 : ENCODING_BYTES))
      throw broken("the connection was closed");
    if (filled > 0) await flush();
    onBytes(loaded, loaded);
    return loaded;
  } catch (error) {
    await reader.cancel().catch(() => undefined);
    throw error;
  }
}
