// A model folder over HTTP; its files are read from where http-store.ts has put them.

import { PhaseskipError } from "@phaseskip/graph";
import { chunkViews } from "../store/cached-file.js";
import { pathInside, type ModelFolder } from "./folder.js";
import { readJson, type ModelFile } from "../store/model-file.js";
import { httpStore, type HttpStoreOptions } from "./http-store.js";

/** Chunks that stay in memory after they were read, over all files of a folder. */
const VIEWS = 2;

const noop = () => undefined;

/** Opens a model folder over HTTP; nothing is fetched before its first file. */
export function openHttpFolder(
  base: URL,
  options: HttpStoreOptions = {},
): ModelFolder {
  const views = chunkViews(VIEWS);
  const store = httpStore(base, views, options);
  const { location } = store;
  const files = new Map<string, ModelFile>();
  // Apart from `files`: whoever still holds a file of a closed folder holds no bytes with it.
  const contents = new Map<string, ModelFile>();
  const opening = new Map<string, Promise<void>>();
  let isClosed = false;

  const closedError = () =>
    new PhaseskipError(
      "disposed",
      `Cannot read the model at ${location} as its folder was closed`,
    );
  const assertOpen = () => {
    if (isClosed) throw closedError();
  };

  const contentOf = (path: string): ModelFile => {
    const content = contents.get(path);
    if (!content) throw closedError();
    return content;
  };

  async function open(
    path: string,
    signal: AbortSignal | undefined,
    optional: boolean,
  ): Promise<ModelFile | undefined> {
    const content = await store.open(path, signal, optional);
    assertOpen();
    if (!content) return undefined;
    contents.set(path, content);
    const file: ModelFile = {
      ...content,
      async read(offset, length) {
        return contentOf(path).read(offset, length);
      },
    };
    files.set(path, file);
    return file;
  }

  const folder: ModelFolder = {
    location,
    async file(path, signal, { optional = false } = {}) {
      signal?.throwIfAborted();
      assertOpen();
      const inside = pathInside(path, location);
      // A second call for a file that is on its way waits; should that way end, it starts its own.
      while (opening.has(inside)) await opening.get(inside);
      signal?.throwIfAborted();
      assertOpen();
      const opened = files.get(inside);
      if (opened) return opened;
      const result = open(inside, signal, optional);
      const settled = result.then(noop, noop);
      opening.set(inside, settled);
      void settled.then(() => opening.delete(inside));
      return result;
    },
    async json(path, signal, options) {
      const file = await folder.file(path, signal, options);
      return file && readJson(file, location + file.path);
    },
    async paths(signal) {
      assertOpen();
      return store.paths(signal);
    },
    spare: (paths) => store.spare(paths),
    async complete(signal) {
      assertOpen();
      await store.complete(signal);
    },
    async close() {
      isClosed = true;
      files.clear();
      contents.clear();
      views.clear();
      store.release();
    },
  };
  return folder;
}
