// A model on a hub, opened by its name. A file of its own in an app, fetched for models that are named.

import { hubSource } from "../hub/hub-source.js";
import type { HubRequest } from "../hub/hub-options.js";
import type { ModelFolder } from "./folder.js";
import { hubList } from "../hub/hub-list.js";
import { openHttpFolder } from "./http-folder.js";
import type { HttpStoreOptions } from "./http-store.js";
import { roleOf } from "./part-name.js";

/** Weights for other programs, and what people read. */
const foreign =
  /\.(safetensors|bin|pt|pth|ckpt|msgpack|h5|md|txt|png|jpe?g|gif|webp|py)$/i;

/**
 * Opens a model by its name; nothing is asked before its first file.
 * @throws {TypeError} If the revision, the token or the hub is none
 */
export function openHubFolder(
  model: string,
  { hub, ...options }: HttpStoreOptions & { readonly hub?: HubRequest },
): ModelFolder {
  const source = hubSource(model, hub, options.retryMs);
  const list = hubList(source, isRead);
  return openHttpFolder(source.base, { ...options, source, hubList: list });
}

/**
 * Whether loading a model from a repository for many programs may read a file, as far as paths tell.
 * @param paths those of all its files
 */
function isRead(path: string, paths: readonly string[]): boolean {
  const [, dir, ending] =
    /^((?:tokenizer(?:_2)?\/)?)(?:tokenizer|tokenizer_config|special_tokens_map|(vocab|merges))\.(?:json|txt)$/.exec(
      path,
    ) ?? [];
  if (dir !== undefined)
    return !ending || !paths.includes(`${dir}tokenizer.json`);
  if (/^(model_index|scheduler\/scheduler_config)\.json$/.test(path))
    return true;
  const isDeep = path.split("/").length > 2;
  return !isDeep && !foreign.test(path) && roleOf(`${path}.onnx`) !== undefined;
}
