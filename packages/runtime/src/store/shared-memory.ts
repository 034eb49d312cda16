// What a model's pipelines in one worker keep in memory, where the browser's storage has no room for it: what one has
// fetched, the next need not fetch.

import type { ChunkStore } from "./chunk-store.js";
import { memoryStore } from "./memory-store.js";

interface Shared {
  readonly store: ChunkStore;
  users: number;
}

const models = new Map<string, Shared>();

/** A model's store in memory, and how to let go of it; it is dropped with the last who holds it. */
export function joinMemory(location: string): {
  readonly store: ChunkStore;
  leave(): void;
} {
  const shared = models.get(location) ?? { store: memoryStore(), users: 0 };
  models.set(location, shared);
  shared.users++;
  let isIn = true;
  return {
    store: shared.store,
    leave() {
      if (!isIn) return;
      isIn = false;
      if (--shared.users === 0) models.delete(location);
    },
  };
}
