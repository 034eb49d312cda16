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
  /** The name of these bytes: the server's, or a digest; `undefined`: the server has no such file. */
  readonly version: string | undefined;
  /** Size in bytes. */
  readonly size: number;
  /** Size of every chunk but the last, in bytes. */
  readonly chunkBytes: number;
  /** SHA-256 of each chunk, 64 hexadecimal digits; none outside a secure context. */
  readonly sha256?: readonly string[];
  /** When it was written, in ms since 1970. */
  readonly usedAt: number;
}

/** What is known of a model of which all files were seen together. */
export interface ModelRecord {
  /** The version of each file, by path; these belong together. */
  readonly versions: Readonly<Record<string, string>>;
  /** The paths of all its files, where a hub lists them. */
  readonly paths?: readonly string[];
  /** When the model was last loaded, in ms since 1970. */
  readonly usedAt: number;
}

/**
 * Keeps files in chunks; a file exists from the moment its record is written. The last chunk of an unfinished file
 * may be shorter than the others.
 */
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
  /** Keeps a copy of one chunk, in place of the one that lay there. */
  write(
    key: FileKey,
    version: string,
    offset: number,
    chunk: Uint8Array<ArrayBuffer>,
  ): Promise<void>;
  /** Puts a chunk of a whole file right; does nothing if the file was dropped or changed meanwhile. */
  mend(
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
  /** Drops the chunks of one version from `offset` on, or with no version the whole file with its record. */
  remove(key: FileKey, version?: string, offset?: number): Promise<void>;
}

/** How many chunks a file has. */
export function chunkCount(size: number, chunkBytes: number): number {
  return Math.ceil(size / chunkBytes);
}

/** Where the chunks of a whole file begin, in bytes, ascending. */
export function chunkOffsets({ size, chunkBytes }: FileRecord): number[] {
  return Array.from(
    { length: chunkCount(size, chunkBytes) },
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

/** A file that is whole in `store`. */
export interface StoredFile {
  /** Where it lies. */
  readonly store: ChunkStore;
  /** What it is. */
  readonly record: FileRecord & { readonly version: string };
}
