// A file that is whole in a chunk store, read chunk by chunk.

import type { FileKey } from "./chunk-store.js";
import type { StoredFile } from "./chunk-store.js";
import type { ModelFile } from "./model-file.js";
import { LISTED_CHUNK_BYTES } from "./model-manifest.js";
import { sha256 } from "./sha256.js";

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
 * touches are read, and each is verified as it leaves the store.
 * @param mend fetches the chunk at an offset again, where it is gone or damaged
 */
export function cachedFile(
  key: FileKey,
  { store, record }: StoredFile,
  views: ChunkViews,
  mend: (offset: number, cause: unknown) => Promise<ArrayBuffer>,
): ModelFile {
  const { size, version, chunkBytes, sha256: digests } = record;
  const { model, path } = key;
  const chunkAt = (start: number) =>
    views.read(`${start} ${path}`, async () => {
      let cause: unknown;
      try {
        const chunk = await store.read(key, version, start);
        const isWhole =
          chunk?.byteLength === Math.min(chunkBytes, size - start);
        const wanted = digests?.[start / chunkBytes];
        if (isWhole && (!wanted || (await sha256(chunk)) === wanted))
          return chunk;
      } catch (error) {
        cause = error;
      }
      return mend(start, cause);
    });
  return {
    path,
    size,
    ...(digests && chunkBytes === LISTED_CHUNK_BYTES && { sha256: digests }),
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
