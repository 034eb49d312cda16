// Writes one download into a store, and from the store's first refusal on into memory.

import { PhaseskipError } from "@phaseskip/graph";
import type { ChunkStore, FileKey, FileRecord } from "./chunk-store.js";
import { reasonOf } from "./request.js";

/** Where a download goes. */
export interface SinkOptions {
  /** The file. */
  readonly key: FileKey;
  /** Where its chunks go first. */
  readonly store: ChunkStore;
  /** Where they go when `store` refuses (quota, private window): a store in memory. */
  readonly fallback: ChunkStore;
  /** Told when `fallback` takes over. */
  readonly onRefusal: (reason: string) => void;
}

/** Takes the chunks of one file in their order. */
export interface ChunkSink {
  /** The store that holds the file now. */
  readonly store: ChunkStore;
  /** Keeps a copy of a chunk. */
  write(offset: number, chunk: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Declares the file whole. */
  commit(record: FileRecord): Promise<void>;
}

/** A sink for one version of a file. */
export function chunkSink(
  { key, store, fallback, onRefusal }: SinkOptions,
  version: string,
): ChunkSink {
  let current = store;
  const moveToMemory = async (cause: unknown) => {
    if (current === fallback || cause instanceof PhaseskipError) throw cause;
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
  const orInMemory = async (act: () => Promise<void>) => {
    try {
      await act();
    } catch (cause) {
      await moveToMemory(cause);
      await act();
    }
  };
  return {
    get store() {
      return current;
    },
    write: (offset, chunk) =>
      orInMemory(() => current.write(key, version, offset, chunk)),
    commit: (record) => orInMemory(() => current.commit(key, record)),
  };
}
