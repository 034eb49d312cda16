// What keeps fetched files in chunks; weight-cache.ts does it in IndexedDB, memory-store.ts in memory.

import { PhaseskipError } from "@phaseskip/graph";

/** Which file: the model's URL (it ends in `/`, without query) and the path inside. */
export interface FileKey {
  /** URL of the model folder. */
  readonly model: string;
  /** Path inside the folder. */
  readonly path: string;
}

/** What is known of a file that is whole in a store, or that the server does not have. */
export interface FileRecord {
  /** The server's name for these bytes; `undefined`: the server has no such file. */
  readonly version: string | undefined;
  /** Size in bytes. */
  readonly size: number;
  /** Size of every chunk but the last, in bytes. */
  readonly chunkBytes: number;
  /** When it was last opened, in ms since 1970. */
  readonly usedAt: number;
}

/** Keeps files in chunks; a file exists from the moment its record is written. */
export interface ChunkStore {
  /** The record of a whole file. */
  record(key: FileKey): Promise<FileRecord | undefined>;
  /** The versions of which chunks lie here, each with the offsets of its chunks in bytes, ascending. */
  offsets(key: FileKey): Promise<ReadonlyMap<string, readonly number[]>>;
  /** One chunk; the caller must not write to it. */
  read(
    key: FileKey,
    version: string,
    offset: number,
  ): Promise<ArrayBuffer | undefined>;
  /** Keeps a copy of one chunk. */
  write(
    key: FileKey,
    version: string,
    offset: number,
    chunk: Uint8Array<ArrayBuffer>,
  ): Promise<void>;
  /**
   * Declares a file whole and drops every other version of it.
   * @throws {PhaseskipError} `integrity` If one of its chunks is not here (another page may have dropped it).
   */
  commit(key: FileKey, record: FileRecord): Promise<void>;
  /** Drops the chunks of one version, or with none the whole file with its record. */
  remove(key: FileKey, version?: string): Promise<void>;
}

/** Where the chunks of a whole file begin, in bytes, ascending. */
export function chunkOffsets({ size, chunkBytes }: FileRecord): number[] {
  return Array.from(
    { length: Math.ceil(size / chunkBytes) },
    (_, index) => index * chunkBytes,
  );
}

/** The error for a file whose chunks are not all there. */
export function missingChunk({ model, path }: FileKey): PhaseskipError {
  return new PhaseskipError(
    "integrity",
    `Cannot finish ${model}${path} as part of it was dropped meanwhile: load it again`,
  );
}
