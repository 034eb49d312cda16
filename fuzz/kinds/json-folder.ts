// A model folder in memory: JSON files that are fuzzed, and networks as they are.

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

/** A model's networks by path, of those that are there. */
export async function modelNetworks(
  model: string,
): Promise<Map<string, Uint8Array>> {
  const networks = new Map<string, Uint8Array>();
  for (const part of [
    "unet",
    "text_encoder",
    "text_encoder_2",
    "vae_decoder",
  ]) {
    const path = `${part}/model.onnx`;
    const url = new URL(`../../models/${model}/${path}`, import.meta.url);
    const bytes = await readFile(url).catch(() => undefined);
    if (bytes) networks.set(path, bytes);
  }
  return networks;
}

/** A folder that holds these files, read as any other folder's are. */
export function jsonFolder(
  texts: ReadonlyMap<string, string>,
  networks: ReadonlyMap<string, Uint8Array> = new Map(),
): ModelFolder {
  const location = "/models/fuzzed";
  const file = (path: string): Promise<ModelFile | undefined> => {
    const text = texts.get(path);
    const bytes =
      text === undefined ? networks.get(path) : new TextEncoder().encode(text);
    if (bytes === undefined) return Promise.resolve(undefined);
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
    paths: () => Promise.resolve([...texts.keys(), ...networks.keys()]),
    spare: () => undefined,
    complete: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}
