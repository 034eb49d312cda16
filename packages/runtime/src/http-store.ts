// The stored files of one model over HTTP: each is in the cache and confirmed by
// the server, or as it was last seen where the server cannot be reached, or fetched.

import { PhaseskipError } from "@phaseskip/graph";
import type { ChunkStore, FileKey, FileRecord } from "./chunk-store.js";
import { download, type Download, type StoredFile } from "./download.js";
import { manifestVersion, sameVersion, versionOf } from "./file-version.js";
import type { FolderProgress } from "./folder.js";
import { memoryStore } from "./memory-store.js";
import { request, statusError } from "./request.js";
import { indexedDbStore } from "./weight-cache.js";

/** 16 MiB: small enough for every browser's storage, large enough to read at the disk's speed. */
const CHUNK_BYTES = 2 ** 24;

/** How a model over HTTP is kept. */
export interface HttpStoreOptions {
  /** Told of every file. */
  readonly onProgress?: (progress: FolderProgress) => void;
  /**
   * Keep files in IndexedDB; `false`: in memory only.
   * @default true
   */
  readonly cache?: boolean;
  /**
   * Size of a stored chunk in bytes.
   * @default 16777216
   */
  readonly chunkBytes?: number;
}

/** Brings files of one model into a store. */
export interface HttpStore {
  /** URL of the folder without query: the model's name in the cache. */
  readonly location: string;
  /**
   * Makes sure that a file is whole in a store.
   * @returns `undefined` where the model has no such file
   * @throws {PhaseskipError} `fetch-failed`, or `model-invalid` for a web page.
   */
  fetch(
    path: string,
    signal: AbortSignal | undefined,
    optional: boolean,
  ): Promise<StoredFile | undefined>;
  /** Drops what is kept in memory. */
  release(): void;
}

/** The store of the model at this URL. */
export function httpStore(
  base: URL,
  { onProgress = () => undefined, cache = true, ...sizes }: HttpStoreOptions,
): HttpStore {
  const chunkBytes = sizes.chunkBytes ?? CHUNK_BYTES;
  const location = base.origin + base.pathname;
  let memory = memoryStore();
  let persistent = cache ? indexedDbStore() : undefined;
  let manifest: Promise<string | undefined> | undefined;

  const urlOf = (path: string) => {
    const parts = path.split("/").map(encodeURIComponent);
    const url = new URL(parts.join("/"), location);
    url.search = base.search;
    return url;
  };

  function versionElsewhere(signal: AbortSignal | undefined) {
    const path = "phaseskip.json";
    manifest ??= manifestVersion(urlOf(path), location + path, signal);
    manifest.catch(() => (manifest = undefined));
    return manifest;
  }

  /** The record in IndexedDB; a database that does not open is not asked again. */
  async function recordOf(key: FileKey): Promise<FileRecord | undefined> {
    try {
      return await persistent?.record(key);
    } catch {
      persistent = undefined;
      return undefined;
    }
  }

  /** Asks the server whether a cached file is still the one; `undefined`: it has to be fetched. */
  async function confirm(
    known: FileRecord,
    { url, address, key, signal }: Download,
  ): Promise<"same" | "absent" | undefined> {
    if (known.version === undefined) return undefined;
    let response: Response;
    try {
      response = await request(url, address, { method: "HEAD" }, signal);
      if (response.status >= 500 || response.status === 429) {
        throw statusError(response, address);
      }
    } catch (error) {
      if (!isUnreachable(error)) throw error;
      onProgress({ kind: "offline", path: key.path });
      return "same";
    }
    if (response.status === 404 || response.status === 410) return "absent";
    if (!response.ok) return undefined;
    const version = versionOf(response) ?? (await versionElsewhere(signal));
    if (!version || !sameVersion(version, known.version)) return undefined;
    onProgress({ kind: "cached", path: key.path, size: known.size });
    return "same";
  }

  return {
    location,
    release: () => {
      memory = memoryStore();
    },
    async fetch(path, signal, optional) {
      const key = { model: location, path };
      const task: Download = {
        url: urlOf(path),
        address: location + path,
        key,
        chunkBytes,
        store: memory,
        fallback: memory,
        optional,
        signal,
        onProgress,
        versionElsewhere: () => versionElsewhere(signal),
      };
      const known = await recordOf(key);
      if (!persistent) {
        const reason = "IndexedDB is missing here or refuses";
        if (cache) onProgress({ kind: "uncached", path, reason });
        return download(task);
      }
      const state = known && (await confirm(known, task));
      if (state === "absent") {
        await persistent.remove(key);
        return undefined;
      }
      if (known && state === "same") {
        const reopened = await reopen(persistent, key, known);
        if (reopened) return reopened;
      }
      try {
        const stored = await download({ ...task, store: persistent });
        if (!stored) await noteAbsence(persistent, key);
        return stored;
      } catch (error) {
        const wasAbsent = known && known.version === undefined;
        if (!wasAbsent || !isUnreachable(error)) throw error;
        onProgress({ kind: "offline", path });
        return undefined;
      }
    },
  };
}

/** Notes that a cached file is used now; `undefined` if it turns out not to be whole, and then it is dropped. */
async function reopen(
  store: ChunkStore,
  key: FileKey,
  known: FileRecord,
): Promise<StoredFile | undefined> {
  const version = known.version ?? "";
  const record = { ...known, version, usedAt: Date.now() };
  try {
    await store.commit(key, record);
  } catch (error) {
    // A store that refuses to note it still has the file.
    if (error instanceof PhaseskipError) {
      await store.remove(key);
      return undefined;
    }
  }
  return { store, record };
}

/** Offline it must still be known that the model has no such file; not being able to note it harms nothing now. */
async function noteAbsence(store: ChunkStore, key: FileKey): Promise<void> {
  const usedAt = Date.now();
  const record = { version: undefined, size: 0, chunkBytes: 1, usedAt };
  await store.commit(key, record).catch(() => undefined);
}

function isUnreachable(error: unknown): boolean {
  return error instanceof PhaseskipError && error.code === "fetch-failed";
}
