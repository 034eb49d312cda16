// What an app is told while a model is loaded.

/** What happens while a folder's files are fetched; sizes in bytes. */
export type FolderEvent =
  /** `loaded` bytes of the file have arrived; no `total` where the server does not say it. */
  | {
      readonly kind: "download";
      readonly path: string;
      readonly loaded: number;
      readonly total?: number;
    }
  /** The file comes whole from the cache, and is the one that the server has. */
  | { readonly kind: "cached"; readonly path: string; readonly size: number }
  /** The server cannot be reached; the cached file is used as it was last seen. */
  | { readonly kind: "offline"; readonly path: string; readonly size: number }
  /** Another tab fetches the file; this one takes over should that tab close. */
  | { readonly kind: "waiting"; readonly path: string }
  /** The file is kept in memory for this time only, as `reason` says. */
  | {
      readonly kind: "uncached";
      readonly path: string;
      readonly reason: string;
    }
  /** The model at the URL `evicted`, which was not used for long, left the cache to make room. */
  | { readonly kind: "evicted"; readonly evicted: string }
  /** Part of the cached file was damaged; it was fetched again. */
  | { readonly kind: "mended"; readonly path: string }
  /** Said once: files are neither verified nor shared between tabs, as `reason` says. */
  | { readonly kind: "insecure"; readonly reason: string }
  /** All files of the model are here. */
  | { readonly kind: "complete" };

/** What happens while a model is loaded, and how far it is. */
export type FolderProgress = FolderEvent & {
  /** Bytes of the model that are here, over all its files, from the network or the cache. */
  readonly modelLoaded: number;
  /**
   * Bytes of the model. Exact from the start on where the model has a phaseskip.json; else those of the files that
   * are known so far.
   */
  readonly modelTotal: number;
};
