// A model folder on disk, with positioned reads; Node only. Its counterpart for browsers is no-disk-folder.ts.

import { open, readdir, stat, type FileHandle } from "node:fs/promises";
import { join, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { PhaseskipError } from "@phaseskip/graph";
import { pathInside, type ModelFolder } from "./folder.js";
import { assertNoStandIn } from "../download/stand-in.js";
import { readJson, type ModelFile } from "../store/model-file.js";

/** One positioned read is bounded by what the system call takes (2 GiB). */
const READ_BYTES = 2 ** 30;
/** Folders inside each other that are listed: `unet/onnx/model.onnx` lies as deep as a network may. */
const LIST_DEPTH = 2;
const ABSENT = new Set(["ENOENT", "ENOTDIR", "EISDIR", "ENAMETOOLONG"]);

/** Whether a folder lies there. */
export async function isDiskFolder(location: string): Promise<boolean> {
  const stats = await stat(location).catch(() => undefined);
  return stats?.isDirectory() ?? false;
}

/**
 * Opens a model folder on disk.
 * @param location path, or `file:` URL
 * @throws {PhaseskipError} `fetch-failed` If there is no such folder or it cannot be read.
 */
export async function openDiskFolder(
  location: string | URL,
): Promise<ModelFolder> {
  const root = resolve(
    location instanceof URL ? fileURLToPath(location) : location,
  );
  const stats = await stat(root).catch((cause: NodeJS.ErrnoException) => {
    const reason = ABSENT.has(cause.code ?? "")
      ? "it does not exist; give the path or the URL of a folder that holds a model_index.json"
      : cause.message;
    throw new PhaseskipError(
      "fetch-failed",
      `Cannot open the model folder ${root} as ${reason}`,
      { cause },
    );
  });
  if (!stats.isDirectory()) {
    throw new PhaseskipError(
      "fetch-failed",
      `Cannot open the model folder ${root} as it is a file: give the folder that holds model_index.json`,
    );
  }

  const handles = new Map<string, Promise<FileHandle | undefined>>();
  let isClosed = false;
  const assertOpen = () => {
    if (isClosed)
      throw new PhaseskipError(
        "disposed",
        `Cannot read the model at ${root} as its folder was closed`,
      );
  };

  function handleOf(path: string): Promise<FileHandle | undefined> {
    let handle = handles.get(path);
    if (!handle) {
      handle = openFile(root + sep + path.replaceAll("/", sep));
      handles.set(path, handle);
      const forget = () => handles.delete(path);
      handle.then((opened) => opened ?? forget(), forget);
    }
    return handle;
  }

  const folder: ModelFolder = {
    location: root,
    async file(path, signal) {
      signal?.throwIfAborted();
      assertOpen();
      const inside = pathInside(path, root);
      const handle = await handleOf(inside);
      assertOpen();
      if (!handle) return undefined;
      const { size } = await handle.stat();
      const file: ModelFile = {
        path: inside,
        size,
        async read(offset, length) {
          assertOpen();
          return readAt(handle, offset, length, size, root + sep + inside);
        },
      };
      assertNoStandIn(
        await file.read(0, Math.min(256, size)),
        inside,
        root + sep + inside,
      );
      signal?.throwIfAborted();
      return file;
    },
    async json(path, signal) {
      const file = await folder.file(path, signal);
      return file && readJson(file, root + sep + file.path);
    },
    async paths() {
      assertOpen();
      return filesIn(root, LIST_DEPTH);
    },
    spare() {
      // nothing is read before it is asked for
    },
    async complete() {
      assertOpen();
    },
    async close() {
      isClosed = true;
      const opened = [...handles.values()];
      handles.clear();
      for (const handle of opened) {
        await (await handle.catch(() => undefined))?.close();
      }
    },
  };
  return folder;
}

/** Paths of the files in a folder, hidden ones left out. */
async function filesIn(root: string, depth: number): Promise<string[]> {
  const entries = await readdir(root, { withFileTypes: true }).catch(() => []);
  const files: string[] = [];
  for (const entry of entries) {
    if (entry.name.startsWith(".")) continue;
    const at = join(root, entry.name);
    const isFolder = entry.isSymbolicLink()
      ? await isDiskFolder(at)
      : entry.isDirectory();
    if (!isFolder) files.push(entry.name);
    else if (depth > 0)
      for (const path of await filesIn(at, depth - 1))
        files.push(`${entry.name}/${path}`);
  }
  return files.sort();
}

async function openFile(path: string): Promise<FileHandle | undefined> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, "r");
    if ((await handle.stat()).isFile()) return handle;
    await handle.close();
    return undefined;
  } catch (cause) {
    await handle?.close();
    const { code, message } = cause as NodeJS.ErrnoException;
    if (ABSENT.has(code ?? "")) return undefined;
    throw new PhaseskipError(
      "fetch-failed",
      `Cannot read ${path}: ${message}`,
      { cause },
    );
  }
}

async function readAt(
  handle: FileHandle,
  offset: number,
  length: number,
  size: number,
  path: string,
): Promise<Uint8Array> {
  if (offset < 0 || length < 0 || offset + length > size) {
    throw new RangeError(
      `Cannot read bytes ${offset} to ${offset + length} of ${path} as it has ${size}`,
    );
  }
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length;) {
    const { bytesRead } = await handle.read(
      bytes,
      done,
      Math.min(READ_BYTES, length - done),
      offset + done,
    );
    if (bytesRead === 0) {
      throw new PhaseskipError(
        "fetch-failed",
        `Cannot read ${path} as it became shorter while it was open`,
      );
    }
    done += bytesRead;
  }
  return bytes;
}
