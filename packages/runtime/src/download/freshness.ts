// Whether cached files are still the server's, and whether the files of one load belong together.
//
// With a connection the server's word counts: one HEAD per file, or one for phaseskip.json in place of all that it
// lists. Without one, versions count that were once loaded together. A mixture of two versions is never used.

import { PhaseskipError } from "@phaseskip/graph";
import type { FileSource } from "./file-source.js";
import type { FileRecord, ModelRecord } from "../store/chunk-store.js";
import { isDigest, sameVersion, versionOf } from "./file-version.js";
import { isLoaded, MANIFEST_PATH } from "../store/model-manifest.js";
import { request, statusError } from "./http-request.js";
import { Refusal } from "./refusal.js";
import { StallGuard } from "./stall-guard.js";

/** How a file was found to be the right one: by the model's list, by fetching it, by asking, or not at all. */
export type Found = "listed" | "fetched" | "confirmed" | "offline";

/** What is asked, and where. */
export interface FreshnessOptions {
  /** URL of the model folder without query. */
  readonly location: string;
  /** Where a file is fetched. */
  readonly urlOf: (path: string) => URL;
  /** The hub that has the model, if one does. */
  readonly source: FileSource | undefined;
  /** How long the server may not answer, in ms. */
  readonly patienceMs: number;
  /** What is known of the model from earlier loads. */
  readonly modelRecord: () => Promise<ModelRecord | undefined>;
}

/** The server's word on the files of one load. */
export class Freshness {
  readonly #options: FreshnessOptions;
  readonly #found = new Map<string, { version: string; how: Found }>();
  /** The server's answers on the way, by path. */
  readonly #asked = new Map<string, Promise<Response>>();
  #ahead: Promise<void> | undefined;
  #unreachable: PhaseskipError | undefined;

  /** @param options what is asked, and where */
  constructor(options: FreshnessOptions) {
    this.#options = options;
  }

  /** The version of each file of this load. */
  get versions(): Readonly<Record<string, string>> {
    return Object.fromEntries(
      [...this.#found].map(([path, { version }]) => [path, version]),
    );
  }

  /** Asks at once for all that the last load used, the first time: one after the other takes long. */
  askAhead(signal: AbortSignal | undefined): void {
    this.#ahead ??= this.#askAhead(signal);
  }

  /** Notes which version of a file is used. */
  note(path: string, version: string, how: Found): void {
    this.#found.set(path, { version, how });
    if (how === "fetched") this.#unreachable = undefined;
  }

  /** Notes that the server cannot be reached: it is not asked again, until something comes from it. */
  noteSilence(error: PhaseskipError): void {
    this.#unreachable = error;
  }

  /**
   * Asks the server whether a cached file is still the one.
   * @param versionElsewhere a version for servers that name none
   * @returns `undefined`: it has to be fetched
   * @throws {PhaseskipError} `fetch-failed` If the server cannot be reached and the cached files may be a mixture.
   */
  async confirm(
    path: string,
    known: FileRecord & { readonly version: string },
    signal: AbortSignal | undefined,
    versionElsewhere: string | undefined,
  ): Promise<"confirmed" | "offline" | "absent" | undefined> {
    let response: Response;
    try {
      if (this.#unreachable) throw this.#unreachable;
      response = await this.#ask(path, signal);
      if (response.status >= 500 || response.status === 429)
        throw statusError(response, this.#options.location + path);
    } catch (error) {
      if (!isUnreachable(error)) throw error;
      this.#unreachable = error;
      await this.#assertWhole(path, known, error);
      return "offline";
    }
    if (response.status === 404 || response.status === 410) return "absent";
    if (!response.ok) return undefined;
    const version = versionOf(response) ?? versionElsewhere;
    const isSame = version && sameVersion(version, known.version);
    return isSame ? "confirmed" : undefined;
  }

  /**
   * Files that no list ties together must be of one moment: none may have changed since it was fetched.
   * @throws {PhaseskipError} `integrity` If one has, `fetch-failed` if that cannot be found out.
   */
  async assertTogether(signal: AbortSignal | undefined): Promise<void> {
    const alone = [...this.#found].filter(
      ([path, { how }]) => how !== "listed" && path !== MANIFEST_PATH,
    );
    if (!alone.some(([, { how }]) => how === "fetched")) return;
    await Promise.all(
      alone.map(async ([path, { version, how }]) => {
        const response = await this.#head(path, signal).catch(
          (error: unknown) => {
            if (!isUnreachable(error) || how === "offline") throw error;
          },
        );
        const now = response?.ok && versionOf(response);
        if (!now || sameVersion(now, version)) return;
        throw new PhaseskipError(
          "integrity",
          `Cannot use the model at ${this.#options.location} as its ${path} changed on the server while it was loaded: load it again`,
        );
      }),
    );
  }

  async #askAhead(signal: AbortSignal | undefined): Promise<void> {
    const model = await this.#options.modelRecord().catch(() => undefined);
    for (const [path, version] of Object.entries(model?.versions ?? {})) {
      // The list will tell of what it lists.
      if (!isLoaded(path) || isDigest(version)) continue;
      const answer = this.#head(path, signal);
      answer.catch(() => undefined);
      this.#asked.set(path, answer);
    }
  }

  async #ask(path: string, signal: AbortSignal | undefined): Promise<Response> {
    await this.#ahead;
    const early = this.#asked.get(path);
    if (!early) return this.#head(path, signal);
    // An answer is for one question: it may be old by the next.
    this.#asked.delete(path);
    return early.catch((error: unknown) => {
      if (signal?.aborted || isUnreachable(error)) throw error;
      // The caller who asked has given up.
      return this.#head(path, signal);
    });
  }

  /** Without the server's word, only versions that were once seen together are used together. */
  async #assertWhole(
    path: string,
    { version }: FileRecord,
    cause: unknown,
  ): Promise<void> {
    if (path === MANIFEST_PATH) return;
    const { location, modelRecord } = this.#options;
    const model = await modelRecord().catch(() => undefined);
    if (model && (model.versions[path] ?? version) === version) return;
    throw new PhaseskipError(
      "fetch-failed",
      `Cannot load ${location + path} as the server cannot be reached and only part of the model is in the cache: load it once with a connection`,
      { cause },
    );
  }

  async #head(
    path: string,
    signal: AbortSignal | undefined,
  ): Promise<Response> {
    const { location, urlOf, source, patienceMs } = this.#options;
    const init = { method: "HEAD", headers: (await source?.headers()) ?? {} };
    const guard = new StallGuard(signal, location + path, patienceMs);
    try {
      return await guard.watch(
        request(urlOf(path), location + path, init, guard.signal),
      );
    } finally {
      guard.end();
    }
  }
}

/** Whether the server could not be reached. */
export function isUnreachable(error: unknown): error is PhaseskipError {
  const isFetch =
    error instanceof PhaseskipError && error.code === "fetch-failed";
  return isFetch && !(error instanceof Refusal);
}
