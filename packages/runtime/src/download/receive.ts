// Streams the body of an answer into chunks and checks that all of it came.

import { PhaseskipError } from "@phaseskip/graph";
import type { ChunkSink } from "./chunk-sink.js";
import { contentRange, plainLength } from "./file-version.js";
import { assertNoStandIn } from "./stand-in.js";
import type { ExpectedFile } from "../store/expected-file.js";
import { reasonOf } from "./http-request.js";
import type { StallGuard } from "./stall-guard.js";

/** Bytes between two progress reports. */
const REPORT_BYTES = 2 ** 20;
/** By how much a compressed body may be larger than what it holds. */
const ENCODING_BYTES = 1024;
/** A closed tab loses what came in this time at most, in ms: then part of a chunk is stored, too. */
const PART_MS = 2000;

/** What is received, and who is told. */
export interface ReceiveOptions {
  /** Path inside the model folder. */
  readonly path: string;
  /** Address for messages. */
  readonly address: string;
  /** Offset in the file at which `head` begins. */
  readonly offset: number;
  /** What is there of the chunk at `offset`; the body goes on behind it. */
  readonly head: Uint8Array;
  /** Size of a chunk in bytes. */
  readonly chunkBytes: number;
  /** What the file must be, where that is known beforehand. */
  readonly listed: ExpectedFile | undefined;
  /** Whether a later download may go on where this one ends. */
  readonly isResumable: boolean;
  /** Cancels, and watches over the server. */
  readonly guard: StallGuard;
  /** Told of the file's bytes that are there, and of its size where it is known. */
  readonly onBytes: (loaded: number, total: number | undefined) => void;
}

/**
 * Receives a body.
 * @returns size of the file in bytes
 * @throws {PhaseskipError} `fetch-failed` If it breaks off; `model-invalid` if it is no model's file; `integrity` if
 * it is not the listed one.
 */
export async function receive(
  response: Response,
  sink: ChunkSink,
  options: ReceiveOptions,
): Promise<number> {
  const { path, address, offset, head, chunkBytes, guard, onBytes } = options;
  const { listed } = options;
  const length = plainLength(response);
  const start = offset + head.byteLength;
  const announced =
    contentRange(response)?.size ??
    (length === undefined ? undefined : start + length);
  const total = listed?.size ?? announced;
  // Across origins the encoding may be hidden: then the announced length is only a hint.
  const isExact = listed !== undefined || response.type !== "cors";
  const chunk = new Uint8Array(
    isExact && total !== undefined
      ? Math.max(head.byteLength, Math.min(chunkBytes, total - offset))
      : chunkBytes,
  );
  chunk.set(head);
  if (response.bodyUsed || response.body?.locked) {
    throw new PhaseskipError(
      "fetch-failed",
      `Cannot fetch ${address} as other code has read its answer: what replaces fetch must hand on a clone()`,
    );
  }
  const reader = (response.body ?? new Blob().stream()).getReader();
  let [loaded, filled, reported] = [start, head.byteLength, start];
  let stored = filled;
  let storedAt = Date.now();

  if (
    response.type !== "cors" &&
    listed &&
    (announced ?? listed.size) !== listed.size
  )
    throw listed.mismatch(address, `it has ${announced} bytes`);

  const broken = (reason: string, cause?: unknown) => {
    const of = total === undefined ? "" : ` of ${total}`;
    const message = `Cannot fetch ${address} as it broke off after ${loaded}${of} bytes: ${reason}`;
    return new PhaseskipError("fetch-failed", message, { cause });
  };
  const check = () => {
    if (loaded === filled)
      assertNoStandIn(chunk.subarray(0, filled), path, address);
  };
  const flush = async (isPart: boolean) => {
    check();
    const bytes =
      filled === chunk.byteLength ? chunk : chunk.subarray(0, filled);
    await sink[isPart ? "writePart" : "write"](loaded - filled, bytes);
    stored = isPart ? filled : 0;
    if (!isPart) filled = 0;
    storedAt = Date.now();
    guard.signal.throwIfAborted();
  };

  try {
    onBytes(loaded, total);
    for (;;) {
      const { done, value } = await guard
        .watch(reader.read())
        .catch((cause: unknown) => {
          guard.signal.throwIfAborted();
          throw broken(reasonOf(cause), cause);
        });
      if (done) break;
      if (isExact && total !== undefined && loaded + value.byteLength > total)
        throw (
          listed?.mismatch(address, `it has more than ${total} bytes`) ??
          broken("more came than announced")
        );
      for (let used = 0; used < value.byteLength;) {
        const piece = value.subarray(used, used + chunk.byteLength - filled);
        chunk.set(piece, filled);
        used += piece.byteLength;
        filled += piece.byteLength;
        loaded += piece.byteLength;
        if (filled === chunkBytes) await flush(false);
      }
      if (loaded - reported >= REPORT_BYTES)
        onBytes((reported = loaded), total);
      if (
        options.isResumable &&
        filled > stored &&
        Date.now() - storedAt > PART_MS
      )
        await flush(true);
    }
    const missing = (total ?? loaded) - loaded;
    if (missing > (isExact ? 0 : ENCODING_BYTES))
      throw broken("the connection was closed");
    if (filled > 0) await flush(false);
    onBytes(loaded, loaded);
    return loaded;
  } catch (error) {
    void reader.cancel().catch(() => undefined);
    const isCut = guard.signal.aborted || isBroken(error);
    if (options.isResumable && isCut && filled > stored)
      await flush(true).catch(() => undefined);
    throw error;
  }
}

function isBroken(error: unknown): boolean {
  return error instanceof PhaseskipError && error.code === "fetch-failed";
}
