// Keeps fetched files in IndexedDB: chunks under model, path and version, and one record per file that is
// written last, so that half a file is never taken for a whole one; one record per model that lists versions which
// were seen together.

import { get, promisifyRequest, set, type UseStore } from "idb-keyval";
import {
  chunkOffsets,
  missingChunk,
  type ChunkStore,
  type FileKey,
  type FileRecord,
  type ModelRecord,
} from "./chunk-store.js";
import { ofThisFormat } from "./cache-format.js";
import { folderUrl } from "./model-url.js";
import { openObjects } from "./open-objects.js";
import { unlessInUse } from "./web-lock.js";

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
  /** Number of files whose download has not ended; they take room, too. */
  readonly unfinishedFiles: number;
  /** Whether the model was loaded as it lies here, so that it loads without a network. */
  readonly isWhole: boolean;
  /** When it was last loaded, or where that never ended, when its last file came; 1970 if none did. */
  readonly usedAt: Date;
}

const fileKey = ({ model, path }: FileKey) => ["file", model, path];
const chunkKey = ({ model, path }: FileKey, ...rest: (string | number)[]) => [
  "chunk",
  model,
  path,
  ...rest,
];
const modelKey = (model: string) => ["model", model];
const timesKey = (model: string) => ["times", model];
/** All keys that begin with these parts: an array sorts after every string and number. */
const under = (...prefix: (string | number)[]) =>
  IDBKeyRange.bound(prefix, [...prefix, []]);

let opened:
  { readonly factory: IDBFactory; readonly objects: UseStore } | undefined;

function database(): UseStore | undefined {
  if (typeof indexedDB === "undefined") return undefined;
  if (opened?.factory !== indexedDB)
    opened = {
      factory: indexedDB,
      objects: ofThisFormat(openObjects(DATABASE, OBJECTS)),
    };
  return opened.objects;
}

/** The store in IndexedDB. */
export interface WeightStore extends ChunkStore {
  /** The records of all files of a model, by path. */
  records(model: string): Promise<Map<string, FileRecord>>;
  /** What is known of a model; `undefined` if it was never loaded to its end. */
  model(model: string): Promise<ModelRecord | undefined>;
  /** Notes that all files of a model were seen together. */
  keepModel(model: string, record: ModelRecord): Promise<void>;
}

/** The store in IndexedDB, which outlives the page; `undefined` where there is no IndexedDB. */
export function indexedDbStore(): WeightStore | undefined {
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
    mend: (key, version, offset, chunk) =>
      objects("readwrite", async (store) => {
        const buffer = wholeBuffer(chunk);
        const record = (await promisifyRequest(store.get(fileKey(key)))) as
          FileRecord | undefined;
        if (record?.version !== version) return;
        store.put(buffer, chunkKey(key, version, offset));
        await promisifyRequest(store.transaction);
      }),
    records: (model) =>
      objects("readonly", async (store) => {
        const [keys, files] = await Promise.all([
          promisifyRequest(store.getAllKeys(under("file", model))),
          promisifyRequest(store.getAll(under("file", model))),
        ]);
        const paths = (keys as string[][]).map(([, , path = ""]) => path);
        return new Map(
          (files as FileRecord[]).map((file, i) => [paths[i]!, file]),
        );
      }),
    model: (model) => get<ModelRecord>(modelKey(model), objects),
    keepModel: (model, record) => set(modelKey(model), record, objects),
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
    remove: (key, version, offset = 0) =>
      objects("readwrite", (store) => {
        if (version === undefined) {
          store.delete(fileKey(key));
          store.delete(under(...chunkKey(key)));
        } else {
          const first = chunkKey(key, version, offset);
          const end = chunkKey(key, version, Infinity);
          store.delete(IDBKeyRange.bound(first, end));
        }
        return promisifyRequest(store.transaction);
      }),
  };
}

/**
 * The models in this origin's cache, the most recently used first. Where there is no IndexedDB there are none.
 * @throws {PhaseskipError} `quota` If another version of this package laid the cache out in another way, or the browser does
 * not open it
 */
export async function listModels(): Promise<readonly CachedModel[]> {
  const objects = database();
  if (!objects) return [];
  const [fileKeys, files, modelKeys, models, chunkKeys] = await objects(
    "readonly",
    (store) => {
      const keys = (kind: string) =>
        promisifyRequest(store.getAllKeys(under(kind))) as Promise<string[][]>;
      const values = <T>(kind: string) =>
        promisifyRequest(store.getAll(under(kind))) as Promise<T[]>;
      return Promise.all([
        keys("file"),
        values<FileRecord>("file"),
        keys("model"),
        values<ModelRecord>("model"),
        keys("chunk"),
      ]);
    },
  );
  const versions = new Map(
    files.map(({ version }, i) => [JSON.stringify(fileKeys[i]), version]),
  );
  const chunked = new Map(
    chunkKeys.map(([, model = "", path = "", version]) => [
      JSON.stringify(["file", model, path]),
      { model, version },
    ]),
  );
  const locations = new Set(
    [...fileKeys, ...modelKeys, ...chunkKeys].map(([, model = ""]) => model),
  );
  return [...locations]
    .map((location): CachedModel => {
      const own = files.filter(
        ({ version }, i) => fileKeys[i]?.[1] === location && version,
      );
      const model = models[modelKeys.findIndex(([, of]) => of === location)];
      const isAsLoaded = ([path, version]: [string, string]) =>
        versions.get(JSON.stringify(["file", location, path])) === version;
      return {
        location,
        files: own.length,
        bytes: own.reduce((bytes, { size }) => bytes + size, 0),
        unfinishedFiles: [...chunked].filter(
          ([file, { model, version }]) =>
            model === location && versions.get(file) !== version,
        ).length,
        isWhole:
          model !== undefined &&
          Object.entries(model.versions).every(isAsLoaded),
        usedAt: new Date(
          model?.usedAt ?? Math.max(0, ...own.map(({ usedAt }) => usedAt)),
        ),
      };
    })
    .filter(({ files, unfinishedFiles }) => files + unfinishedFiles > 0)
    .sort((a, b) => b.usedAt.getTime() - a.usedAt.getTime());
}

/**
 * Deletes a model from this origin's cache, unfinished downloads included. Pipelines in use go on: their sessions
 * hold their weights, and what they still read they fetch again, without keeping it.
 * @param location the model's URL, as it was loaded or as `listModels` gives it
 * @returns size of the files that were whole, in bytes; 0 if there were none
 * @throws {PhaseskipError} `quota` If another version of this package laid the cache out in another way, or the browser does
 * not open it
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
    for (const kind of ["file", "chunk"]) store.delete(under(kind, model));
    store.delete(modelKey(model));
    store.delete(timesKey(model));
    await promisifyRequest(store.transaction);
    return records.reduce((bytes, record) => bytes + record.size, 0);
  });
}

/**
 * Makes room: deletes the least recently used model that no tab has open.
 * @returns its URL; `undefined` if there is none
 */
export async function evictModel(except: string): Promise<string | undefined> {
  for (const { location } of (await listModels()).toReversed()) {
    if (location === except) continue;
    const drop = async () => void (await deleteModel(location));
    if (await unlessInUse(location, drop)) return location;
  }
  return undefined;
}

/** Times of a model's segments, in ms, as they were kept with its files; empty where there are none. */
export async function keptTimes(
  location: string,
): Promise<Map<string, number>> {
  const url = folderUrl(location);
  const objects = url && database();
  if (!objects) return new Map();
  const times = get<Map<string, number>>(
    timesKey(url.origin + url.pathname),
    objects,
  );
  // what cannot be read is measured again
  return (await times.catch(() => undefined)) ?? new Map();
}

/** Keeps times with a model's files; of a model that is not in the cache, nothing is kept. */
export async function keepTimes(
  location: string,
  times: ReadonlyMap<string, number>,
): Promise<void> {
  const url = folderUrl(location);
  const objects = url && database();
  if (!objects) return;
  const model = url.origin + url.pathname;
  await objects("readwrite", async (store) => {
    if (await promisifyRequest(store.count(under("file", model))))
      store.put(times, timesKey(model));
    await promisifyRequest(store.transaction);
  }).catch(() => undefined); // a full disk costs no more than measuring again
}

/** IndexedDB copies what it is given: a chunk that fills its buffer needs no copy before. */
function wholeBuffer(chunk: Uint8Array<ArrayBuffer>): ArrayBuffer {
  return chunk.byteLength === chunk.buffer.byteLength
    ? chunk.buffer
    : chunk.slice().buffer;
}
