// Keeps fetched files in IndexedDB: chunks under model, path and version, and one record per file that is
// written last, so that half a file is never taken for a whole one.

import {
  createStore,
  get,
  promisifyRequest,
  set,
  type UseStore,
} from "idb-keyval";
import {
  chunkOffsets,
  missingChunk,
  type ChunkStore,
  type FileKey,
  type FileRecord,
} from "./chunk-store.js";
import { folderUrl } from "./folder.js";

const DATABASE = "phaseskip-weights";
const OBJECTS = "files";

/** A model in the cache. */
export interface CachedModel {
  /** URL of the model folder. */
  readonly location: string;
  /** Number of whole files. */
  readonly files: number;
  /** Their size together, in bytes. */
  readonly bytes: number;
  /** When one of them was last opened. */
  readonly usedAt: Date;
}

const fileKey = ({ model, path }: FileKey) => ["file", model, path];
const chunkKey = ({ model, path }: FileKey, ...rest: (string | number)[]) => [
  "chunk",
  model,
  path,
  ...rest,
];
/** All keys that begin with these parts: an array sorts after every string and number. */
const under = (...prefix: (string | number)[]) =>
  IDBKeyRange.bound(prefix, [...prefix, []]);

let opened:
  { readonly factory: IDBFactory; readonly objects: UseStore } | undefined;

function database(): UseStore | undefined {
  if (typeof indexedDB === "undefined") return undefined;
  if (opened?.factory !== indexedDB)
    opened = { factory: indexedDB, objects: createStore(DATABASE, OBJECTS) };
  return opened.objects;
}

/** The store in IndexedDB, which outlives the page; `undefined` where there is no IndexedDB. */
export function indexedDbStore(): ChunkStore | undefined {
  const objects = database();
  if (!objects) return undefined;
  const keysOf = (key: FileKey) =>
    objects("readonly", (store) =>
      promisifyRequest(store.getAllKeys(under(...chunkKey(key)))),
    );
  return {
    record: (key) => get<FileRecord>(fileKey(key), objects),
    async offsets(key) {
      const versions = new Map<string, number[]>();
      for (const chunk of (await keysOf(key)) as [
        string,
        string,
        string,
        string,
        number,
      ][]) {
        versions.set(chunk[3], [...(versions.get(chunk[3]) ?? []), chunk[4]]);
      }
      return versions;
    },
    read: (key, version, offset) =>
      get<ArrayBuffer>(chunkKey(key, version, offset), objects),
    write: (key, version, offset, chunk) =>
      set(chunkKey(key, version, offset), wholeBuffer(chunk), objects),
    commit: (key, record) =>
      objects("readwrite", async (store) => {
        const wanted = new Set(
          chunkOffsets(record).map((offset) =>
            chunkKey(key, record.version ?? "", offset).join("\n"),
          ),
        );
        for (const chunk of (await promisifyRequest(
          store.getAllKeys(under(...chunkKey(key))),
        )) as string[][]) {
          if (!wanted.delete(chunk.join("\n"))) store.delete(chunk);
        }
        if (wanted.size > 0) throw missingChunk(key);
        store.put(record, fileKey(key));
        await promisifyRequest(store.transaction);
      }),
    remove: (key, version) =>
      objects("readwrite", (store) => {
        if (version === undefined) store.delete(fileKey(key));
        store.delete(
          under(
            ...(version === undefined ? chunkKey(key) : chunkKey(key, version)),
          ),
        );
        return promisifyRequest(store.transaction);
      }),
  };
}

/**
 * The models in this origin's cache, the most recently used first. Where there is no IndexedDB there are none.
 */
export async function listModels(): Promise<readonly CachedModel[]> {
  const objects = database();
  if (!objects) return [];
  const [keys, records] = await objects("readonly", (store) =>
    Promise.all([
      promisifyRequest(store.getAllKeys(under("file"))) as Promise<string[][]>,
      promisifyRequest(store.getAll(under("file"))) as Promise<FileRecord[]>,
    ]),
  );
  const models = new Map<string, CachedModel>();
  records.forEach((record, index) => {
    const location = keys[index]?.[1];
    if (location === undefined || record.version === undefined) return;
    const {
      files = 0,
      bytes = 0,
      usedAt = new Date(0),
    } = models.get(location) ?? {};
    const latest = new Date(Math.max(usedAt.getTime(), record.usedAt));
    models.set(location, {
      location,
      files: files + 1,
      bytes: bytes + record.size,
      usedAt: latest,
    });
  });
  return [...models.values()].sort(
    (a, b) => b.usedAt.getTime() - a.usedAt.getTime(),
  );
}

/**
 * Deletes a model from this origin's cache, unfinished downloads included. Pipelines that run keep their sessions.
 * @param location the model's URL, as it was loaded or as `listModels` gives it
 * @returns size of the files that were whole, in bytes; 0 if there were none
 */
export async function deleteModel(location: string | URL): Promise<number> {
  const url = folderUrl(location);
  const objects = database();
  if (!url || !objects) return 0;
  const model = url.origin + url.pathname;
  return objects("readwrite", async (store) => {
    const records = (await promisifyRequest(
      store.getAll(under("file", model)),
    )) as FileRecord[];
    store.delete(under("file", model));
    store.delete(under("chunk", model));
    await promisifyRequest(store.transaction);
    return records.reduce((bytes, record) => bytes + record.size, 0);
  });
}

/** IndexedDB copies what it is given: a chunk that fills its buffer needs no copy before. */
function wholeBuffer(chunk: Uint8Array<ArrayBuffer>): ArrayBuffer {
  return chunk.byteLength === chunk.buffer.byteLength
    ? chunk.buffer
    : chunk.slice().buffer;
}
