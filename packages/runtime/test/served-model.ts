// A model on a server of its own, opened as a folder whose cache is a fresh IndexedDB; for tests in Node.

import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { afterEach, beforeEach, vi } from "vitest";
import {
  serveFaults,
  type FaultServer,
  type Served,
} from "../../../e2e/fault-server.js";
import type { ModelFolder } from "../src/folder/folder.js";
import type { FolderEvent } from "../src/download/load-progress.js";
import {
  openFolder,
  type OpenFolderOptions,
} from "../src/folder/model-folder.js";

export const PATH = "unet/model.onnx";
/** Size of a stored chunk in bytes. */
export const CHUNK = 1000;

/** Bytes that no shift or swap of chunks leaves equal. */
export const bytesOf = (size: number, seed = 1) =>
  Buffer.from(
    Uint8Array.from(
      { length: size },
      (_, i) => (i * 31 + (i >> 8) * 7 + seed) & 255,
    ),
  );

/** What was told, without how far the whole is; and that, apart. */
export const progress: FolderEvent[] = [];
export const whole: (readonly [loaded: number, total: number])[] = [];
/** The kinds of what was told, each once. */
export const kinds = () => [...new Set(progress.map(({ kind }) => kind))];

export let server: FaultServer;
const folders: ModelFolder[] = [];

/** Starts a server with these files under `/model/`. */
export async function serve(
  files: Record<string, Served>,
): Promise<FaultServer> {
  server = await serveFaults({ files });
  return server;
}

/** Opens the served model. */
export async function open(
  options: OpenFolderOptions = {},
  url = server.url,
): Promise<ModelFolder> {
  const folder = await openFolder(url, {
    chunkBytes: CHUNK,
    retryMs: 1,
    onProgress: ({ modelLoaded, modelTotal, ...event }) => {
      whole.push([modelLoaded, modelTotal]);
      const isOfList = "path" in event && event.path === "phaseskip.json";
      if (!isOfList || event.kind === "uncached") progress.push(event);
    },
    ...options,
  });
  folders.push(folder);
  return folder;
}

/** Opens a file and reads all of it. */
export async function readAll(folder: ModelFolder, path = PATH) {
  const file = await folder.file(path);
  return file && Buffer.from(await file.read(0, file.size));
}

/** What the server was asked for, without the model's list of files. */
export const asked = () =>
  server.requests.filter((line) => !line.includes("phaseskip.json"));

/** The keys in IndexedDB, without those of the model's list of files. */
export async function storedKeys(): Promise<unknown[][]> {
  const store = await objectStore("readonly");
  const keys = (await resultOf(store.getAllKeys())) as unknown[][];
  return keys.filter((key) => key[2] !== "phaseskip.json");
}

/** Changes one chunk behind the cache's back; what `change` returns takes its place, `undefined` deletes it. */
export async function changeChunk(
  offset: number,
  change: (chunk: ArrayBuffer) => unknown,
): Promise<void> {
  const key = (await storedKeys()).find(
    (parts) => parts[4] === offset,
  ) as IDBValidKey;
  const store = await objectStore("readwrite");
  const changed = change((await resultOf(store.get(key))) as ArrayBuffer);
  if (changed === undefined) await resultOf(store.delete(key));
  else await resultOf(store.put(changed, key));
}

/** Names the cache's format as another version of this package would; `undefined` names none. */
export async function keepFormat(format: number | undefined): Promise<void> {
  const store = await objectStore("readwrite");
  if (format === undefined) await resultOf(store.delete(["format"]));
  else await resultOf(store.put(format, ["format"]));
}

async function objectStore(mode: IDBTransactionMode) {
  const request = indexedDB.open("phaseskip-weights");
  request.onupgradeneeded = () => request.result.createObjectStore("files");
  const database = await resultOf(request);
  return database.transaction("files", mode).objectStore("files");
}

function resultOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error!);
  });
}

beforeEach(() => {
  vi.stubGlobal("indexedDB", new IDBFactory());
  vi.stubGlobal("IDBKeyRange", IDBKeyRange);
  progress.length = 0;
  whole.length = 0;
});

afterEach(async () => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  await Promise.all(folders.splice(0).map((folder) => folder.close()));
  await server?.close();
});
