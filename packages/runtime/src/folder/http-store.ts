// The stored files of one model over HTTP: each is in the cache and confirmed by the model's list or by the server,
// or as it was last seen where the server cannot be reached, or fetched.

import { PhaseskipError } from "@phaseskip/graph";
import { askToPersist } from "../store/ask-to-persist.js";
import { cachedFile, type ChunkViews } from "../store/cached-file.js";
import type { FileKey, FileRecord } from "../store/chunk-store.js";
import { download } from "../download/download.js";
import type { StoredFile } from "../store/chunk-store.js";
import type { ExpectedFile } from "../store/expected-file.js";
import type { FileSource } from "../download/file-source.js";
import type { FolderProgress } from "../download/load-progress.js";
import { readJson, type ModelFile } from "../store/model-file.js";
import { Freshness, isUnreachable, type Found } from "../download/freshness.js";
import type { HubListReader } from "../hub/hub-list.js";
import { LoadTally } from "../download/load-tally.js";
import { mendChunk } from "../download/mend-chunk.js";
import {
  expectListed,
  isLoaded,
  LISTED_CHUNK_BYTES,
  MANIFEST_PATH,
  parseManifest,
  type ModelManifest,
} from "../store/model-manifest.js";
import { hasSha256, sha256 } from "../store/sha256.js";
import { joinMemory } from "../store/shared-memory.js";
import { sharedLoad } from "../store/shared-load.js";
import { inTime } from "../store/in-time.js";
import { storageRoom } from "../store/storage-room.js";
import { exclusively, holdInUse } from "../store/web-lock.js";
import { indexedDbStore, type WeightStore } from "../store/weight-cache.js";

/** How long a server may send nothing, in ms. */
const STALL_MS = 20_000;
/** How long to wait before a second try, in ms. */
const RETRY_MS = 500;
/** How long a storage that never answers is waited for, in ms. */
const OPEN_MS = 10_000;

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
   * Asks the browser to keep this origin's storage, where it is full; only a page can.
   * @default `navigator.storage.persist`, where there is one
   */
  readonly persist?: () => Promise<boolean>;
  /**
   * Size of a stored chunk in bytes; phaseskip.json has digests for the default alone.
   * @default 16777216
   */
  readonly chunkBytes?: number;
  /**
   * How long a server may send nothing before it is asked again, in ms; the question whether a cached file is still
   * the one waits a quarter of it.
   * @default 20000
   */
  readonly stallMs?: number;
  /**
   * How long to wait before a broken download is tried again, in ms; it doubles each time nothing has come.
   * @default 500
   */
  readonly retryMs?: number;
  /** The hub that has the model, if one does. */
  readonly source?: FileSource;
  /** Reads that hub's list, if it has one. */
  readonly hubList?: HubListReader;
}

/** Opens files of one model. */
export interface HttpStore {
  /** URL of the folder without query: the model's name in the cache. */
  readonly location: string;
  /**
   * Makes sure that a file is whole in a store, and opens it.
   * @returns `undefined` where the model has no such file
   * @throws {PhaseskipError} `fetch-failed`, `integrity` if it is not what phaseskip.json lists, or `model-invalid`
   * for a web page.
   */
  open(
    path: string,
    signal: AbortSignal | undefined,
    optional: boolean,
  ): Promise<ModelFile | undefined>;
  /** See `ModelFolder`. */
  paths(signal?: AbortSignal): Promise<readonly string[] | undefined>;
  /** See `ModelFolder`. */
  spare(paths: readonly string[]): void;
  /** See `ModelFolder`. */
  complete(signal: AbortSignal | undefined): Promise<void>;
  /** Drops what is kept in memory, and lets the model be evicted. */
  release(): void;
}

/** The list of a model's files, with the file that it is. */
interface Manifest extends ModelManifest {
  readonly file: ModelFile;
  readonly digest: string | undefined;
}

const none = undefined;

/** The store of the model at this URL. `views` are shared by its files. */
export function httpStore(
  base: URL,
  views: ChunkViews,
  options: HttpStoreOptions,
): HttpStore {
  const { cache = true, chunkBytes = LISTED_CHUNK_BYTES, onProgress } = options;
  const { stallMs = STALL_MS, retryMs = RETRY_MS } = options;
  const { persist = askToPersist, source } = options;
  const location = base.origin + base.pathname;
  const tally = new LoadTally((progress) => onProgress?.(progress));
  const shared = joinMemory(location);
  const memory = shared.store;
  let persistent = cache ? indexedDbStore() : undefined;
  /** Why nothing is kept, until it was told. */
  let refusal: string | undefined = "IndexedDB is missing here or refuses";
  let records: Promise<Map<string, FileRecord> | undefined> | undefined;
  let isFirst = true;
  let release!: () => void;
  const released = new Promise<void>((resolve) => (release = resolve));
  if (persistent) holdInUse(location, released);

  const urlOf = (path: string) => {
    const parts = path.split("/").map(encodeURIComponent);
    const url = new URL(parts.join("/"), location);
    url.search = base.search;
    return url;
  };

  const modelRecord = async () => persistent?.model(location);
  const freshness = new Freshness({
    location,
    urlOf,
    source,
    patienceMs: stallMs / 4,
    modelRecord,
  });

  const makeRoom = storageRoom({
    location,
    persist,
    patienceMs: stallMs,
    onEvicted: (evicted) => tally.report({ kind: "evicted", evicted }),
  });

  /** Says once per model what is not as it should be. */
  function introduce(path: string): void {
    if (!cache) return;
    if (isFirst && !hasSha256()) {
      const reason =
        "this page is not in a secure context: serve it over https, or from localhost";
      tally.report({ kind: "insecure", reason });
    }
    isFirst = false;
    if (persistent || refusal === undefined) return;
    tally.report({ kind: "uncached", path, reason: refusal });
    refusal = undefined;
  }

  /**
   * What the cache has of a file, the first time by one question for all of them. A database that does not open, or
   * never answers, is not asked again.
   */
  async function recordOf(
    key: FileKey,
    isFresh = false,
  ): Promise<FileRecord | undefined> {
    try {
      if (isFresh) return await persistent?.record(key);
      records ??= persistent && inTime(persistent.records(location), OPEN_MS);
      const known = (await records)?.get(key.path);
      (await records)?.delete(key.path);
      return known ?? (await persistent?.record(key));
    } catch (error) {
      // files that are asked for at once are refused at once
      if (persistent && error instanceof PhaseskipError)
        refusal = error.message;
      persistent = undefined;
      return undefined;
    }
  }

  async function fetchFile(
    path: string,
    signal: AbortSignal | undefined,
    optional: boolean,
    listed: ExpectedFile | undefined,
    versionElsewhere: string | undefined,
  ): Promise<StoredFile | undefined> {
    const key = { model: location, path };
    const known = await recordOf(key);
    const wasAbsent = known !== undefined && known.version === undefined;
    introduce(path);
    const store = persistent;
    const use = (record: FileRecord, how: Found): StoredFile | undefined => {
      const { version, size } = record;
      if (version === undefined) return undefined;
      const kind = how === "offline" ? how : "cached";
      tally.report({ kind, path, size });
      freshness.note(path, version, how);
      return { store: store!, record: { ...record, version } };
    };
    /** What another pipeline of this worker fetched and could not store, if it is still the one. */
    const fetchedBefore = async (): Promise<StoredFile | undefined> => {
      const record = await memory.record(key);
      if (record?.version === undefined) return undefined;
      const held = { ...record, version: record.version };
      const how = listed
        ? held.version === listed.version && "listed"
        : await freshness.confirm(path, held, signal, versionElsewhere);
      if (!how || how === "absent") return undefined;
      use(held, how);
      return { store: memory, record: held };
    };
    const fetchNow = async () => {
      const before = await fetchedBefore();
      if (before) return before;
      const stored = await download({
        url: urlOf(path),
        address: location + path,
        source,
        key,
        chunkBytes,
        store: store ?? memory,
        fallback: memory,
        listed,
        optional,
        signal,
        // A file that was not there before is but asked for.
        stallMs: wasAbsent ? stallMs / 4 : stallMs,
        retryMs,
        makeRoom,
        onProgress: (event) => tally.report(event),
        versionElsewhere,
      });
      const how = listed ? "listed" : "fetched";
      if (stored) freshness.note(path, stored.record.version, how);
      return stored;
    };
    if (!store) return fetchNow();

    if (listed) {
      if (known?.version === listed.version) return use(known, "listed");
    } else if (known?.version !== undefined) {
      const { version } = known;
      const cached = { ...known, version };
      const how = await freshness.confirm(
        path,
        cached,
        signal,
        versionElsewhere,
      );
      if (how === "absent") {
        await store.remove(key).catch(() => undefined);
        return undefined;
      }
      if (how) return use(known, how);
    }
    try {
      return await exclusively(
        `phaseskip ${location}${path}`,
        signal,
        () => tally.report({ kind: "waiting", path }),
        async () => {
          const now = await recordOf(key, true);
          const isNew = listed
            ? now?.version === listed.version
            : now?.version !== undefined &&
              (now.version !== known?.version || now.usedAt !== known.usedAt);
          if (now && isNew) return use(now, listed ? "listed" : "fetched");
          const stored = await fetchNow();
          if (!stored) await noteAbsence(store, key);
          return stored;
        },
      );
    } catch (error) {
      if (!wasAbsent || !isUnreachable(error)) throw error;
      freshness.noteSilence(error);
      tally.report({ kind: "offline", path, size: 0 });
      return undefined;
    }
  }

  function openStored(path: string, stored: StoredFile): ModelFile {
    const key = { model: location, path };
    return cachedFile(key, stored, views, async (offset, cause) => {
      const how = { url: urlOf(path), source, offset, cause, stallMs };
      const chunk = await mendChunk(key, stored, how);
      tally.report({ kind: "mended", path });
      return chunk;
    });
  }

  const listOf = sharedLoad(async (signal): Promise<Manifest | undefined> => {
    const path = MANIFEST_PATH;
    const stored = await fetchFile(path, signal, true, none, none);
    if (!stored) return undefined;
    const file = openStored(path, stored);
    const bytes = await file.read(0, file.size);
    const value = await readJson(file, location + path);
    const parsed = parseManifest(value, location + path, chunkBytes);
    for (const [listed, { size }] of parsed.files)
      if (isLoaded(listed)) tally.expect(listed, size);
    return { ...parsed, file, digest: await sha256(new Uint8Array(bytes)) };
  });

  const hubListOf = options.hubList?.({ tally, freshness, modelRecord });

  return {
    location,
    release() {
      shared.leave();
      release();
    },
    async open(path, signal, optional) {
      freshness.askAhead(signal);
      const hub = await hubListOf?.(signal);
      if (hub) {
        if (!hub.paths.includes(path)) return undefined;
        const listed = hub.files.get(path);
        const stored = await fetchFile(path, signal, optional, listed, none);
        return stored && openStored(path, stored);
      }
      const list = await listOf(signal);
      if (path === MANIFEST_PATH) return list?.file;
      const entry = hasSha256() ? list?.files.get(path) : undefined;
      const listed = entry && (await expectListed(entry));
      const elsewhere = list?.digest && `manifest ${list.digest}`;
      const stored = await fetchFile(path, signal, optional, listed, elsewhere);
      return stored && openStored(path, stored);
    },
    async paths(signal) {
      const hub = await hubListOf?.(signal);
      if (hub) return hub.paths;
      const list = await listOf(signal);
      return list && [...list.files.keys()];
    },
    spare: (paths) => tally.spare(paths),
    async complete(signal) {
      await freshness.assertTogether(signal);
      const { versions } = freshness;
      const hub = await hubListOf?.(signal);
      const usedAt = Date.now();
      const record = { versions, usedAt, ...(hub && { paths: hub.paths }) };
      await persistent?.keepModel(location, record).catch(() => undefined);
      tally.report({ kind: "complete" });
    },
  };
}

/** Offline it must still be known that the model has no such file; not being able to note it harms nothing now. */
async function noteAbsence(store: WeightStore, key: FileKey): Promise<void> {
  const usedAt = Date.now();
  const record = { version: undefined, size: 0, chunkBytes: 1, usedAt };
  await store.commit(key, record).catch(() => undefined);
}
