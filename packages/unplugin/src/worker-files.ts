// The files of the prebuilt worker: the worker, what it loads when it is needed, and ONNX Runtime beside it.

import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, extname, join } from "node:path";

/** Where phaseskip has them. */
const folder = dirname(
  createRequire(import.meta.url).resolve(
    "phaseskip/prebuilt/phaseskip.worker.js",
  ),
);

/** What a page without a bundler imports in their place. */
const pages = ["phaseskip.js", "phaseskip.element.js"];

const types: Readonly<Record<string, string>> = {
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};

/** One file. */
export interface WorkerFile {
  /** Its name. */
  readonly name: string;
  /** Its media type. */
  readonly type: string;
  /** Reads it. */
  readonly bytes: () => Promise<Buffer>;
}

/** All of them; source maps and text stay behind. */
export async function workerFiles(): Promise<WorkerFile[]> {
  return (await readdir(folder))
    .filter((name) => extname(name) in types && !pages.includes(name))
    .map((name) => ({
      name,
      type: types[extname(name)]!,
      bytes: () => readFile(join(folder, name)),
    }));
}
