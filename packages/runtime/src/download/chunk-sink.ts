// Writes one download into a store: verifies each chunk, makes room where the store is full, and goes on in memory
// where it refuses for good.

import { PhaseskipError } from "@phaseskip/graph";
import {
  chunkCount,
  missingChunk,
  type ChunkStore,
  type FileKey,
  type FileRecord,
} from "../store/chunk-store.js";
import type { ExpectedFile } from "../store/expected-file.js";
import { reasonOf } from "./http-request.js";
import { sha256 } from "../store/sha256.js";

/** Where a download goes. */
export interface SinkOptions {
  /** The file. */
  readonly key: FileKey;
  /** Size of a chunk in bytes. */
  readonly chunkBytes: number;
  /** Where its chunks go first. */
  readonly store: ChunkStore;
  /** Where they go when `store` refuses (quota, private window): a store in memory. */
  readonly fallback: ChunkStore;
  /** What the file must be; `undefined`: whatever comes. */
  readonly listed: ExpectedFile | undefined;
  /** Tries to make room in `store`; tells whether writing again is worth it. */
  readonly makeRoom: () => Promise<boolean>;
  /** Told when `fallback` takes over. */
  readonly onRefusal: (reason: string) => void;
}

/** Takes the chunks of one file in their order. */
export interface ChunkSink {
  /** The store that holds the file now. */
  readonly store: ChunkStore;
  /**
   * Keeps a copy of a chunk.
   * @throws {PhaseskipError} `integrity` If it is not the listed one; then it is dropped.
   */
  write(offset: number, chunk: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Keeps a copy of what has come of a chunk, so that a closed tab loses less. */
  writePart(offset: number, part: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Declares the file whole. */
  commit(size: number): Promise<FileRecord & { readonly version: string }>;
}

/** A sink for one version of a file. */
export function chunkSink(options: SinkOptions, version: string): ChunkSink {
  const { key, chunkBytes, store, fallback, listed, makeRoom, onRefusal } =
    options;
  let current = store;
  const digests: (string | undefined)[] = [];
  const whole = listed?.digest?.();
  /** Bytes that `whole` has taken. */
  let taken = 0;

  const moveToMemory = async (cause: unknown) => {
    onRefusal(`the browser's storage refuses it: ${reasonOf(cause)}`);
    for (const offset of (await store.offsets(key).catch(() => undefined))?.get(
      version,
    ) ?? []) {
      const chunk = await store.read(key, version, offset);
      if (chunk)
        await fallback.write(key, version, offset, new Uint8Array(chunk));
    }
    await store.remove(key, version).catch(() => undefined);
    current = fallback;
  };
  const insist = async (act: () => Promise<void>) => {
    for (;;) {
      try {
        await act();
        return;
      } catch (cause) {
        if (current === fallback || cause instanceof PhaseskipError)
          throw cause;
        const isFull =
          cause instanceof Error && cause.name === "QuotaExceededError";
        if (!isFull || !(await makeRoom())) await moveToMemory(cause);
      }
    }
  };
  /** Lets `whole` take what came before `offset`, at an earlier try. */
  const catchUp = async (offset: number) => {
    while (whole && taken < offset) {
      const chunk = await current.read(key, version, taken);
      if (!chunk) throw missingChunk(key);
      whole.add(new Uint8Array(chunk));
      taken += chunk.byteLength;
    }
  };
  const put = (offset: number, chunk: Uint8Array<ArrayBuffer>) =>
    insist(() => current.write(key, version, offset, chunk));

  return {
    get store() {
      return current;
    },
    async write(offset, chunk) {
      const index = offset / chunkBytes;
      const digest = await sha256(chunk);
      const wanted = listed?.sha256?.[index];
      if (wanted && digest && digest !== wanted) {
        await current.remove(key, version, offset).catch(() => undefined);
        throw listed.mismatch(
          key.model + key.path,
          `its bytes ${offset} to ${offset + chunk.byteLength} differ`,
        );
      }
      await catchUp(offset);
      whole?.add(chunk);
      taken = offset + chunk.byteLength;
      digests[index] = digest;
      await put(offset, chunk);
    },
    writePart: put,
    async commit(size) {
      for (let index = 0; index < chunkCount(size, chunkBytes); index++) {
        if (digests[index]) continue;
        // It came before the download broke off.
        const chunk = await current.read(key, version, index * chunkBytes);
        digests[index] = chunk && (await sha256(chunk));
      }
      await catchUp(size);
      if (whole && whole.version() !== version) {
        await current.remove(key, version).catch(() => undefined);
        throw listed!.mismatch(key.model + key.path, "its digest differs");
      }
      const known = digests.filter((digest) => digest !== undefined);
      const record = {
        version,
        size,
        chunkBytes,
        usedAt: Date.now(),
        ...(known.length === digests.length && { sha256: known }),
      };
      await insist(() => current.commit(key, record));
      return record;
    },
  };
}
