// Opens a model folder wherever it lies.

import { openDiskFolder } from "#disk-folder";
import type { ModelFolder } from "./folder.js";
import { folderUrl } from "../store/model-url.js";
import { openHttpFolder } from "./http-folder.js";
import type { HttpStoreOptions } from "./http-store.js";

export type { ModelFolder } from "./folder.js";
export type { ModelFile } from "../store/model-file.js";

/** How a model folder is opened. */
export interface OpenFolderOptions extends HttpStoreOptions {
  /** Cancels the opening; every call on the folder takes its own. */
  readonly signal?: AbortSignal;
}

/**
 * Opens a model folder, or the folder around a Unet's bare `.onnx` file.
 * @param location http(s) URL (in a page also relative to it), or in Node a path or `file:` URL
 * @throws {TypeError} If the location is neither.
 * @throws {PhaseskipError} `fetch-failed` If there is no such folder on disk, or no disk.
 */
export async function openFolder(
  location: string | URL,
  options: OpenFolderOptions = {},
): Promise<ModelFolder> {
  options.signal?.throwIfAborted();
  const bare = /^(.*?)([^/\\]+\.onnx)(?=$|[?#])(.*)$/i.exec(String(location));
  if (bare) {
    const [, around, file, query] = bare as unknown as string[];
    const folder = await openFolder((around || "./") + query!, options);
    return { ...folder, unetPath: decoded(file!, location) };
  }
  const url = folderUrl(location);
  if (url) return openHttpFolder(url, options);
  const isUrl = location instanceof URL || /^file:/i.test(location);
  return openDiskFolder(isUrl ? new URL(location) : location);
}

/** A file's name, which a URL may have percent-encoded. */
function decoded(file: string, location: string | URL): string {
  const isUrl = location instanceof URL || /^[a-z]{2,}:/i.test(location);
  return isUrl ? decodeURIComponent(file) : file;
}
