// Which files of a model the browser did not keep: what its loading's warnings say of them.

import type { FolderEvent } from "../download/load-progress.js";

/** Notes what a loading is told, and says once what it means for the next one. */
export class UnkeptFiles {
  readonly #paths = new Set<string>();
  #reason = "";

  /** Notes an event. */
  note(event: FolderEvent): void {
    if (event.kind !== "uncached") return;
    this.#paths.add(event.path);
    this.#reason = event.reason;
  }

  /** A sentence, or none where all files are kept. */
  get warnings(): readonly string[] {
    const [first, ...more] = this.#paths;
    if (first === undefined) return [];
    const others = more.length > 0 ? ` and ${more.length} more` : "";
    return [
      `the browser keeps not all of the model, and what it does not keep is fetched again at each load (${first}${others}): ${this.#reason}`,
    ];
  }
}
