// What the tests of the weight cache do in a page: open a model's files, read them, look at what is stored.
import type { FolderProgress } from "../packages/runtime/src/download/load-progress.js";
import {
  openFolder,
  type ModelFolder,
} from "../packages/runtime/src/folder/model-folder.js";
import { sha256 } from "../packages/runtime/src/store/sha256.js";
import {
  deleteModel,
  listModels,
} from "../packages/runtime/src/store/weight-cache.js";

/** How one load went. */
export interface Load {
  /** SHA-256 of each file's bytes. */
  readonly digests: Readonly<Record<string, string | undefined>>;
  readonly progress: readonly FolderProgress[];
}

const open = new Map<string, ModelFolder>();
const news: FolderProgress[] = [];

const page = {
  /** What was told so far, by all loads of this page. */
  news: () => news,
  listModels,
  deleteModel,

  /** Opens these files and reads them whole; the folder stays open. */
  async load(
    url: string,
    paths: readonly string[],
    chunkBytes: number,
  ): Promise<Load> {
    const progress: FolderProgress[] = [];
    const folder = await openFolder(url, {
      chunkBytes,
      retryMs: 20,
      stallMs: 4000,
      onProgress: (event) => {
        progress.push(event);
        news.push(event);
      },
    });
    open.set(url, folder);
    const digests: Record<string, string | undefined> = {};
    for (const path of paths) await folder.file(path);
    await folder.complete();
    for (const path of paths) digests[path] = await page.digest(url, path);
    return { digests, progress };
  },

  /** Reads a file of an open folder. */
  async digest(url: string, path: string): Promise<string | undefined> {
    const file = (await open.get(url)!.file(path))!;
    const bytes = new Uint8Array(await file.read(0, file.size));
    // Where there is no SHA-256, a sum tells the files of these tests apart.
    return (
      (await sha256(bytes)) ??
      String(bytes.reduce((sum, byte, i) => (sum * 31 + byte + i) | 0, 0))
    );
  },

  close: (url: string) => open.get(url)?.close(),

  /** Flips one bit in the middle of the stored file. */
  async flipBit(path: string): Promise<void> {
    const request = indexedDB.open("phaseskip-weights");
    const database = await new Promise<IDBDatabase>((resolve) => {
      request.onsuccess = () => resolve(request.result);
    });
    const store = database
      .transaction("files", "readwrite")
      .objectStore("files");
    await new Promise<void>((resolve) => {
      store.openCursor().onsuccess = ({ target }) => {
        const cursor = (target as IDBRequest<IDBCursorWithValue | null>).result;
        if (!cursor) return resolve();
        const key = cursor.key as string[];
        if (key[0] === "chunk" && key[2] === path) {
          const bytes = new Uint8Array(cursor.value as ArrayBuffer);
          bytes[bytes.length >> 1]! ^= 4;
          cursor.update(bytes.buffer);
          return resolve();
        }
        cursor.continue();
      };
    });
    database.close();
  },
};

declare global {
  /** The page's part of these tests. */
  var cachePage: typeof page;
}

globalThis.cachePage = page;
