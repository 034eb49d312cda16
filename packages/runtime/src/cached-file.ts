// A file that is whole in a chunk store, read chunk by chunk.

import { PhaseskipError } from "@phaseskip/graph";
import type { FileKey } from "./chunk-store.js";
import type { StoredFile } from "./download.js";
import type { ModelFile } from "./folder.js";

/** Loads chunks by name and keeps the last few, so that neighbouring reads share them. */
export interface ChunkViews {
  /** The chunk of this name, loaded if it is not among the kept ones. */
  read(id: string, load: () => Promise<ArrayBuffer>): Promise<ArrayBuffer>;
  /** Drops all of them. */
  clear(): void;
}

/** Views that keep at most `capacity` chunks alive, those that were read last. */
export function chunkViews(capacity: number): ChunkViews {
  const views = new Map<string, Promise<ArrayBuffer>>();
  return {
    read(id, load) {
      const view = views.get(id) ?? load();
      views.delete(id);
      views.set(id, view);
      view.catch(() => views.delete(id));
      for (const oldest of views.keys()) {
        if (views.size <= capacity) break;
        views.delete(oldest);
      }
      return view;
    },
    clear: () => views.clear(),
  };
}

/**
 * Opens a stored file. A read within one chunk is a view on it, one across chunks a copy; only the chunks that it
 * touches are read.
 * @param onGone told when a chunk turns out to be missing, after the file was dropped from the store
 */
export function cachedFile(
  key: FileKey,
  { store, record }: StoredFile,
  views: ChunkViews,
  onGone: () => void,
): ModelFile {
  const { size, version, chunkBytes } = record;
  const { model, path } = key;
  const chunkAt = (start: number) =>
    views.read(`${start} ${path}`, async () => {
      const chunk = await store.read(key, version, start);
      if (chunk?.byteLength === Math.min(chunkBytes, size - start))
        return chunk;
      await store.remove(key);
      onGone();
      throw new PhaseskipError(
        "integrity",
        `Cannot read ${model}${path} as part of it is gone from the browser's storage: load the model again`,
      );
    });
  return {
    path,
    size,
    async read(offset, length) {
      const end = offset + length;
      if (offset < 0 || length < 0 || end > size) {
        throw new RangeError(
          `Cannot read bytes ${offset} to ${end} of ${model}${path} as it has ${size}`,
        );
      }
      if (length === 0) return new Uint8Array(0);
      const first = offset - (offset % chunkBytes);
      if (end <= first + chunkBytes)
        return new Uint8Array(await chunkAt(first), offset - first, length);
      const bytes = new Uint8Array(length);
      for (let start = first; start < end; start += chunkBytes) {
        const from = Math.max(offset, start);
        const piece = new Uint8Array(await chunkAt(start)).subarray(
          from - start,
          end - start,
        );
        bytes.set(piece, from - offset);
      }
      return bytes;
    },
  };
}
