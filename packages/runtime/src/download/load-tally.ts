// How far the loading of a model is, over all its files.

import type { FolderEvent, FolderProgress } from "./load-progress.js";

/** Adds up what is told of single files. */
export class LoadTally {
  readonly #tell: (progress: FolderProgress) => void;
  /** By path: bytes that are here, and bytes of the file. */
  readonly #files = new Map<string, { loaded: number; total: number }>();

  /** @param tell who is told of everything */
  constructor(tell: (progress: FolderProgress) => void) {
    this.#tell = tell;
  }

  /** Says the size of a file that will be loaded, in bytes. */
  expect(path: string, size: number): void {
    if (!this.#files.has(path))
      this.#files.set(path, { loaded: 0, total: size });
  }

  /** Says that networks, and the weights beside them, will not be loaded after all. */
  spare(networks: readonly string[]): void {
    for (const path of this.#files.keys())
      if (networks.some((network) => path.startsWith(network)))
        this.#files.delete(path);
  }

  /** Tells of something, with how far the whole is. */
  report(event: FolderEvent): void {
    if (event.kind === "download") {
      const { path, loaded, total } = event;
      const known = total ?? this.#files.get(path)?.total ?? 0;
      this.#files.set(path, { loaded, total: Math.max(loaded, known) });
    } else if (event.kind === "cached" || event.kind === "offline") {
      this.#files.set(event.path, { loaded: event.size, total: event.size });
    } else if (event.kind === "complete") {
      // What was listed and not needed does not count any more.
      for (const file of this.#files.values()) file.total = file.loaded;
    }
    let [modelLoaded, modelTotal] = [0, 0];
    for (const { loaded, total } of this.#files.values()) {
      modelLoaded += loaded;
      modelTotal += total;
    }
    this.#tell({ ...event, modelLoaded, modelTotal });
  }
}
