// Something that work depends on, and that can be lost: a worker, a GPU.

/** Lets work end when what it depends on is lost, which may never tell. */
export class Loss {
  readonly #waiting = new Set<(error: Error) => void>();
  #error: Error | undefined;

  /** What it was lost by; undefined while it is there. */
  get error(): Error | undefined {
    return this.#error;
  }

  /** Settles as the work does, or rejects at the loss. Nothing is kept of work that has settled. */
  race<T>(work: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#error) {
        reject(this.#error);
        work.catch(() => undefined);
        return;
      }
      this.#waiting.add(reject);
      work.then(resolve, reject).finally(() => this.#waiting.delete(reject));
    });
  }

  /** Rejects what is under way, and all that comes. Only the first loss counts. */
  declare(error: Error): void {
    this.#error ??= error;
    for (const reject of this.#waiting) reject(error);
    this.#waiting.clear();
  }
}
