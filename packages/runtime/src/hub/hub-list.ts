// What a hub lists of a model, or where the hub cannot be reached, what it listed when the model was last loaded.

import type { FileSource } from "../download/file-source.js";
import { isUnreachable, type Freshness } from "../download/freshness.js";
import type { LoadTally } from "../download/load-tally.js";
import type { ModelRecord } from "../store/chunk-store.js";
import type { ExpectedFile } from "../store/expected-file.js";
import { isLoaded } from "../store/model-manifest.js";
import { sharedLoad } from "../store/shared-load.js";

/** A hub's list of a model's files. */
export interface HubList {
  /** What each must be; empty where the list is an old one. */
  readonly files: ReadonlyMap<string, ExpectedFile>;
  /** The paths of all. */
  readonly paths: readonly string[];
}

/** Who is told, and what is known. */
export interface HubListOptions {
  /** Told of the files that will be loaded. */
  readonly tally: LoadTally;
  /** Told where the hub cannot be reached. */
  readonly freshness: Freshness;
  /** What is known of the model from earlier loads. */
  readonly modelRecord: () => Promise<ModelRecord | undefined>;
}

/** Waits for the list, which is read once; `undefined` where the hub has none. */
export type HubListReader = (
  options: HubListOptions,
) => (signal: AbortSignal | undefined) => Promise<HubList | undefined>;

/**
 * What reads the list of a model.
 * @param source the hub that has it
 * @param isRead whether loading may read a file of these
 */
export const hubList =
  (
    source: FileSource,
    isRead: (path: string, paths: readonly string[]) => boolean,
  ): HubListReader =>
  ({ tally, freshness, modelRecord }) =>
    sharedLoad(async (signal) => {
      try {
        const files = await source.list(signal);
        const paths = [...(files?.keys() ?? [])];
        for (const [path, { size }] of files ?? [])
          if (isLoaded(path) && isRead(path, paths)) tally.expect(path, size);
        return files && { files, paths };
      } catch (error) {
        if (!isUnreachable(error)) throw error;
        const model = await modelRecord().catch(() => undefined);
        if (!model?.paths) throw error;
        freshness.noteSilence(error);
        return { files: new Map(), paths: model.paths };
      }
    });
