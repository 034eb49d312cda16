// First come, first served: one task at a time.

import { abortable } from "./abortable.js";

/** Runs tasks one after the other; one that fails does not keep the next from running. */
export class Mutex {
  #last: Promise<void> = Promise.resolve();

  /**
   * Waits for its turn.
   * @param signal gives up waiting, at once
   * @returns ends the turn; must be called once
   * @throws the signal's reason, if it is aborted
   */
  async acquire(signal?: AbortSignal): Promise<() => void> {
    const before = this.#last;
    let release!: () => void;
    const turn = new Promise<void>((resolve) => (release = resolve));
    this.#last = before.then(() => turn);
    try {
      await abortable(before, signal);
    } catch (error) {
      release();
      throw error;
    }
    return release;
  }

  /** Runs a task in its turn. */
  async run<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const release = await this.acquire(signal);
    try {
      return await task();
    } finally {
      release();
    }
  }
}
