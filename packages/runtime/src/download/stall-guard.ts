// Ends what waits for a server that has gone silent.

import { PhaseskipError } from "@phaseskip/graph";

/** Watches one request: its signal fires when the caller's does, or when nothing has come for a while. */
export class StallGuard {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #address: string;
  readonly #stallMs: number;
  readonly #forward = () => this.#controller.abort(this.#outer?.reason);

  /**
   * @param outer the caller's signal
   * @param address what is fetched, for messages
   * @param stallMs how long nothing may come, in ms
   */
  constructor(
    outer: AbortSignal | undefined,
    address: string,
    stallMs: number,
  ) {
    this.#outer = outer;
    this.#address = address;
    this.#stallMs = stallMs;
    if (outer?.aborted) this.#forward();
    outer?.addEventListener("abort", this.#forward);
  }

  /** For the request; its reason is the caller's, or a `fetch-failed`. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Waits for something that must come in time; else the signal fires, which must make it reject. */
  async watch<T>(awaited: Promise<T>): Promise<T> {
    const timer = setTimeout(() => {
      const seconds = this.#stallMs / 1000;
      const message = `Cannot fetch ${this.#address} as the server sent nothing for ${seconds} s`;
      this.#controller.abort(new PhaseskipError("fetch-failed", message));
    }, this.#stallMs);
    try {
      return await awaited;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Stops listening to the caller's signal. */
  end(): void {
    this.#outer?.removeEventListener("abort", this.#forward);
  }
}
