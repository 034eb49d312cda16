// A model folder of JSON files in memory.

import { readFile } from "node:fs/promises";
import type { ModelFolder } from "../../packages/runtime/src/folder/folder.js";
import {
  readJson,
  type ModelFile,
} from "../../packages/runtime/src/store/model-file.js";

/** Texts of a model's files by path, of those that are there. */
export async function modelJson(
  model: string,
  paths: readonly string[],
): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for (const path of paths) {
    const url = new URL(`../../models/${model}/${path}`, import.meta.url);
    const text = await readFile(url, "utf8").catch(() => undefined);
    if (text !== undefined) texts.set(path, text);
  }
  return texts;
}

/** A folder that holds these texts, read as any other folder's files are. */
export function jsonFolder(texts: ReadonlyMap<string, string>): ModelFolder {
  const location = "/models/fuzzed";
  const file = (path: string): Promise<ModelFile | undefined> => {
    const text = texts.get(path);
    if (text === undefined) return Promise.resolve(undefined);
    const bytes = new TextEncoder().encode(text);
    const read = (offset: number, length: number) =>
      Promise.resolve(bytes.slice(offset, offset + length));
    return Promise.resolve({ path, size: bytes.length, read });
  };
  return {
    location,
    file,
    json: async (path) => {
      const found = await file(path);
      return found && readJson(found, `${location}/${path}`);
    },
    paths: () => Promise.resolve([...texts.keys()]),
    spare: () => undefined,
    complete: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}
