// The stored files of one model over HTTP: each is in the cache and confirmed by the model's list or by the server,
// or as it was last seen where the server cannot be reached, or fetched.

import { PhaseskipError } from "@phaseskip/graph";
import { cachedFile, type ChunkViews } from "./cached-file.js";
import type { FileKey, FileRecord } from "./chunk-store.js";
import { download, type Download, type StoredFile } from "./download.js";
import { sameVersion, versionOf } from "./file-version.js";
import { readJson, type FolderProgress, type ModelFile } from "./folder.js";
import { LoadTally } from "./load-tally.js";
import { memoryStore } from "./memory-store.js";
import { mendChunk } from "./mend-chunk.js";
import {
  isLoaded,
  listedVersion,
  MANIFEST_PATH,
  parseManifest,
  type ModelManifest,
} from "./model-manifest.js";
import { request, statusError } from "./request.js";
import { hasSha256, sha256 } from "./sha256.js";
import { StallGuard } from "./stall-guard.js";
import { exclusively, holdInUse } from "./web-lock.js";
import {
  evictModel,
  indexedDbStore,
  type WeightStore,
} from "./weight-cache.js";

/** 16 MiB: small enough for every browser's storage, large enough to read at the disk's speed. */
const CHUNK_BYTES = 2 ** 24;
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
  complete(signal: AbortSignal | undefined): Promise<void>;
  /** Drops what is kept in memory, and lets the model be evicted. */
  release(): void;
}

/** The list of a model's files, with the file that it is. */
interface Manifest extends ModelManifest {
  readonly file: ModelFile;
  readonly digest: string | undefined;
}

/** How a file was found to be the right one. */
type Found = "listed" | "fetched" | "confirmed" | "offline";

/** The store of the model at this URL. `views` are shared by its files. */
export function httpStore(
  base: URL,
  views: ChunkViews,
  options: HttpStoreOptions,
): HttpStore {
  const { cache = true, chunkBytes = CHUNK_BYTES, onProgress } = options;
  const { stallMs = STALL_MS, retryMs = RETRY_MS } = options;
  const { persist = askToPersist } = options;
  const location = base.origin + base.pathname;
  const tally = new LoadTally((progress) => onProgress?.(progress));
  const found = new Map<string, { version: string; how: Found }>();
  let memory = memoryStore();
  let persistent = cache ? indexedDbStore() : undefined;
  let manifest: Promise<Manifest | undefined> | undefined;
  let unreachable: unknown;
  let hasAskedToPersist = false;
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

  /** Says once per model what is not as it should be. */
  function introduce(path: string): void {
    if (!isFirst || !cache) return;
    isFirst = false;
    if (!hasSha256()) {
      const reason =
        "this page is not in a secure context: serve it over https, or from localhost";
      tally.report({ kind: "insecure", path, reason });
    }
    if (!persistent) {
      const reason = "IndexedDB is missing here or refuses";
      tally.report({ kind: "uncached", path, reason });
    }
  }

  /** The record in IndexedDB; a database that does not open, or never answers, is not asked again. */
  async function recordOf(key: FileKey): Promise<FileRecord | undefined> {
    try {
      return await inTime(persistent?.record(key), OPEN_MS);
    } catch {
      persistent = undefined;
      return undefined;
    }
  }

  async function makeRoom(path: string): Promise<boolean> {
    if (!hasAskedToPersist) {
      hasAskedToPersist = true;
      // A browser may ask its user, who may not answer.
      if (await inTime(persist(), stallMs).catch(() => false)) return true;
    }
    const evicted = await evictModel(location).catch(() => undefined);
    if (evicted !== undefined) tally.report({ kind: "evicted", path, evicted });
    return evicted !== undefined;
  }

  async function head(path: string, signal: AbortSignal | undefined) {
    const address = location + path;
    const guard = new StallGuard(signal, address, stallMs / 4);
    try {
      return await guard.watch(
        request(urlOf(path), address, { method: "HEAD" }, guard.signal),
      );
    } finally {
      guard.end();
    }
  }

  /** Asks the server whether a cached file is still the one; `undefined`: it has to be fetched. */
  async function confirm(
    known: FileRecord & { readonly version: string },
    path: string,
    signal: AbortSignal | undefined,
    versionElsewhere: Download["versionElsewhere"],
  ): Promise<"confirmed" | "offline" | "absent" | undefined> {
    let response: Response;
    try {
      if (unreachable !== undefined) throw unreachable;
      response = await head(path, signal);
      if (response.status >= 500 || response.status === 429)
        throw statusError(response, location + path);
    } catch (error) {
      if (!isUnreachable(error)) throw error;
      unreachable = error;
      await assertWhole(path, known, error);
      return "offline";
    }
    if (response.status === 404 || response.status === 410) return "absent";
    if (!response.ok) return undefined;
    const version = versionOf(response) ?? (await versionElsewhere());
    const isSame = version && sameVersion(version, known.version);
    return isSame ? "confirmed" : undefined;
  }

  /** Without the server's word, only versions that were once seen together are used together. */
  async function assertWhole(
    path: string,
    { version }: FileRecord,
    cause: unknown,
  ): Promise<void> {
    if (path === MANIFEST_PATH) return;
    const model = await persistent?.model(location).catch(() => undefined);
    if (model && (model.versions[path] ?? version) === version) return;
    throw new PhaseskipError(
      "fetch-failed",
      `Cannot load ${location + path} as the server cannot be reached and only part of the model is in the cache: load it once with a connection`,
      { cause },
    );
  }

  async function fetchFile(
    path: string,
    signal: AbortSignal | undefined,
    optional: boolean,
    listed: Download["listed"],
    versionElsewhere: Download["versionElsewhere"],
  ): Promise<StoredFile | undefined> {
    const key = { model: location, path };
    const known = await recordOf(key);
    introduce(path);
    const store = persistent;
    const use = (record: FileRecord, how: Found): StoredFile | undefined => {
      const { version, size } = record;
      if (version === undefined) return undefined;
      const kind = how === "offline" ? how : "cached";
      tally.report({ kind, path, size });
      found.set(path, { version, how });
      return { store: store!, record: { ...record, version } };
    };
    const fetchNow = async () => {
      const stored = await download({
        url: urlOf(path),
        address: location + path,
        key,
        chunkBytes,
        store: store ?? memory,
        fallback: memory,
        listed,
        optional,
        signal,
        stallMs,
        retryMs,
        makeRoom: () => makeRoom(path),
        onProgress: (event) => tally.report(event),
        versionElsewhere,
      });
      unreachable = undefined;
      if (stored) {
        const how = listed ? "listed" : "fetched";
        found.set(path, { version: stored.record.version, how });
      }
      return stored;
    };
    if (!store) return fetchNow();

    if (listed) {
      if (known?.version === listed.version) return use(known, "listed");
    } else if (known?.version !== undefined) {
      const { version } = known;
      const cached = { ...known, version };
      const how = await confirm(cached, path, signal, versionElsewhere);
      if (how === "absent") {
        await store.remove(key);
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
          const now = await recordOf(key);
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
      const wasAbsent = known && known.version === undefined;
      if (!wasAbsent || !isUnreachable(error)) throw error;
      unreachable = error;
      tally.report({ kind: "offline", path, size: 0 });
      return undefined;
    }
  }

  function openStored(path: string, stored: StoredFile): ModelFile {
    const key = { model: location, path };
    return cachedFile(key, stored, views, async (offset, cause) => {
      const how = { url: urlOf(path), offset, cause, stallMs };
      const chunk = await mendChunk(key, stored, how);
      tally.report({ kind: "mended", path });
      return chunk;
    });
  }

  async function loadManifest(
    signal: AbortSignal | undefined,
  ): Promise<Manifest | undefined> {
    const none = async () => undefined;
    const path = MANIFEST_PATH;
    const stored = await fetchFile(path, signal, true, undefined, none);
    if (!stored) return undefined;
    const file = openStored(path, stored);
    const bytes = await file.read(0, file.size);
    const value = await readJson(file, location + path);
    const parsed = parseManifest(value, location + path, chunkBytes);
    for (const [listed, { size }] of parsed.files)
      if (isLoaded(listed)) tally.expect(listed, size);
    return { ...parsed, file, digest: await sha256(new Uint8Array(bytes)) };
  }

  /** The list is read once; a caller who gives up does not keep the others from it. */
  async function manifestOf(
    signal: AbortSignal | undefined,
  ): Promise<Manifest | undefined> {
    for (;;) {
      const reading = (manifest ??= loadManifest(signal));
      try {
        return await reading;
      } catch (error) {
        if (manifest === reading) manifest = undefined;
        signal?.throwIfAborted();
        if (error instanceof PhaseskipError) throw error;
      }
    }
  }

  return {
    location,
    release() {
      memory = memoryStore();
      release();
    },
    async open(path, signal, optional) {
      const list = await manifestOf(signal);
      if (path === MANIFEST_PATH) return list?.file;
      const entry = hasSha256() ? list?.files.get(path) : undefined;
      const listed = entry && {
        ...entry,
        version: await listedVersion(entry),
      };
      const versionElsewhere = async () =>
        list?.digest && `manifest ${list.digest}`;
      const stored = await fetchFile(
        path,
        signal,
        optional,
        listed,
        versionElsewhere,
      );
      return stored && openStored(path, stored);
    },
    async complete(signal) {
      const alone = [...found].filter(
        ([path, { how }]) => how !== "listed" && path !== MANIFEST_PATH,
      );
      if (alone.some(([, { how }]) => how === "fetched"))
        await assertTogether(alone, signal);
      const versions = Object.fromEntries(
        [...found].map(([path, { version }]) => [path, version]),
      );
      await persistent
        ?.keepModel(location, { versions, usedAt: Date.now() })
        .catch(() => undefined);
      tally.report({ kind: "complete", path: "" });
    },
  };

  /** Files that no list ties together must be of one moment: none may have changed since it was fetched. */
  async function assertTogether(
    files: readonly [string, { version: string; how: Found }][],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    await Promise.all(
      files.map(async ([path, { version, how }]) => {
        const response = await head(path, signal).catch((error: unknown) => {
          if (!isUnreachable(error) || how === "offline") throw error;
        });
        const now = response?.ok && versionOf(response);
        if (!now || sameVersion(now, version)) return;
        throw new PhaseskipError(
          "integrity",
          `Cannot use the model at ${location} as its ${path} changed on the server while it was loaded: load it again`,
        );
      }),
    );
  }
}

/** Offline it must still be known that the model has no such file; not being able to note it harms nothing now. */
async function noteAbsence(store: WeightStore, key: FileKey): Promise<void> {
  const usedAt = Date.now();
  const record = { version: undefined, size: 0, chunkBytes: 1, usedAt };
  await store.commit(key, record).catch(() => undefined);
}

async function askToPersist(): Promise<boolean> {
  const { storage } = navigator as { storage?: Partial<StorageManager> };
  return (await storage?.persist?.()) ?? false;
}

/** Rejects if something takes too long, in ms. */
async function inTime<T>(work: Promise<T> | undefined, ms: number) {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("it does not answer")), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

function isUnreachable(error: unknown): boolean {
  return error instanceof PhaseskipError && error.code === "fetch-failed";
}
