// Makes room where the browser's storage is full.

import { inTime } from "./in-time.js";
import { evictModel } from "./weight-cache.js";

/** Who makes room, and for whom. */
export interface RoomOptions {
  /** The model that must stay. */
  readonly location: string;
  /** Asks the browser to keep this origin's storage. */
  readonly persist: () => Promise<boolean>;
  /** How long the browser may take to answer that, in ms: it may ask its user, who may not answer. */
  readonly patienceMs: number;
  /** Told of each model that was deleted. */
  readonly onEvicted: (location: string) => void;
}

/**
 * What to do each time a write was refused: first the browser is asked for more, once, then the least recently used
 * model that no tab has open is deleted.
 * @returns tells whether writing again is worth it
 */
export function storageRoom(options: RoomOptions): () => Promise<boolean> {
  const { location, persist, patienceMs, onEvicted } = options;
  let hasAsked = false;
  return async () => {
    if (!hasAsked) {
      hasAsked = true;
      if (await inTime(persist(), patienceMs).catch(() => false)) return true;
    }
    const evicted = await evictModel(location).catch(() => undefined);
    if (evicted !== undefined) onEvicted(evicted);
    return evicted !== undefined;
  };
}
