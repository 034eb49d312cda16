// Keeps fetched files in memory, where IndexedDB is missing or refuses.

import {
  chunkOffsets,
  missingChunk,
  type ChunkStore,
  type FileRecord,
} from "./chunk-store.js";

/** A store in memory, for as long as it is referenced. */
export function memoryStore(): ChunkStore {
  const records = new Map<string, FileRecord>();
  const chunks = new Map<string, Map<string, Map<number, ArrayBuffer>>>();
  const store: ChunkStore = {
    record: async ({ path }) => records.get(path),
    async offsets({ path }) {
      return new Map(
        [...(chunks.get(path) ?? [])].map(([version, of]) => [
          version,
          [...of.keys()].sort((a, b) => a - b),
        ]),
      );
    },
    read: async ({ path }, version, offset) =>
      chunks.get(path)?.get(version)?.get(offset),
    async write({ path }, version, offset, chunk) {
      const versions =
        chunks.get(path) ?? new Map<string, Map<number, ArrayBuffer>>();
      chunks.set(path, versions);
      const of = versions.get(version) ?? new Map<number, ArrayBuffer>();
      versions.set(version, of);
      of.set(offset, chunk.slice().buffer);
    },
    mend: (key, version, offset, chunk) =>
      store.write(key, version, offset, chunk),
    async commit(key, record) {
      const of = chunks.get(key.path)?.get(record.version ?? "");
      if (chunkOffsets(record).some((offset) => !of?.has(offset)))
        throw missingChunk(key);
      chunks.set(key.path, new Map(of ? [[record.version ?? "", of]] : []));
      records.set(key.path, record);
    },
    async remove({ path }, version, offset = 0) {
      if (version === undefined) {
        chunks.delete(path);
        records.delete(path);
        return;
      }
      const of = chunks.get(path)?.get(version);
      for (const at of of?.keys() ?? []) if (at >= offset) of!.delete(at);
      if (of?.size === 0) chunks.get(path)?.delete(version);
    },
  };
  return store;
}
