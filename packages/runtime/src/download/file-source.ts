// What fetching asks of a hub: which files a model has, and what a request for one must carry.

import type { PhaseskipError } from "@phaseskip/graph";
import type { ExpectedFile } from "../store/expected-file.js";

/** A hub's word on one model. */
export interface FileSource {
  /** URL under which the files lie, with `/` at its end. */
  readonly base: URL;
  /**
   * The model's files by path.
   * @returns `undefined` where the hub lists none
   * @throws {PhaseskipError} `fetch-failed` If the hub cannot be reached, or refuses
   */
  list(
    signal: AbortSignal | undefined,
  ): Promise<ReadonlyMap<string, ExpectedFile> | undefined>;
  /** Headers that every request to the hub carries. */
  headers(): Promise<Record<string, string>>;
  /** The error for an answer that is neither the file nor "no such file". */
  refusal(response: Response, address: string): PhaseskipError;
}
