// Opens a model folder wherever it lies.

import { isDiskFolder, openDiskFolder } from "#disk-folder";
import type { ModelFolder } from "./folder.js";
import { isModelName } from "../store/model-name.js";
import type { HubRequest } from "../hub/hub-options.js";
import { folderUrl } from "../store/model-url.js";
import { openHttpFolder } from "./http-folder.js";
import type { HttpStoreOptions } from "./http-store.js";

export type { ModelFolder } from "./folder.js";
export type { ModelFile } from "../store/model-file.js";

/** How a model folder is opened. */
export interface OpenFolderOptions extends HttpStoreOptions {
  /** Cancels the opening; every call on the folder takes its own. */
  readonly signal?: AbortSignal;
  /** How a model is found whose location is its name. */
  readonly hub?: HubRequest;
}

/**
 * Opens a model folder, or the folder around a Unet's bare `.onnx` file.
 * @param location http(s) URL (in a page also relative to it), a name on a hub, or in Node a path or `file:` URL
 * @throws {TypeError} If the location is none of these, or the hub's options are wrong.
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
  if (isModelName(location) && !(await isDiskFolder(location))) {
    const { openHubFolder } = await import("./hub-folder.js");
    return openHubFolder(location, options);
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
