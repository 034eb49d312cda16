// What a model's ONNX files tell of the machine that exported them, and the files without it.

import { readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { loadGraph, sourceNotes, stripSources } from "@phaseskip/graph";
import type { ModelFile, ModelFolder } from "@phaseskip/runtime/internals";
import { writeOutput } from "./file.js";

/** One ONNX file whose nodes tell paths of the exporting program. */
export interface ToldSources {
  /** Its path in the model folder. */
  readonly path: string;
  /** How many nodes do. */
  readonly nodes: number;
  /** One of the paths. */
  readonly example: string;
}

/** The ONNX files among a model's that tell where they were exported. */
export async function toldSources(
  files: readonly ModelFile[],
): Promise<readonly ToldSources[]> {
  const told: ToldSources[] = [];
  for (const file of files) {
    if (!file.path.endsWith(".onnx")) continue;
    const { model } = await loadGraph(file, file.path);
    const { nodes, example } = sourceNotes(model);
    if (example !== undefined) told.push({ path: file.path, nodes, example });
  }
  return told;
}

/** Writes these files anew without those paths, each put in place at once. */
export async function stripFiles(
  folder: ModelFolder,
  told: readonly ToldSources[],
): Promise<void> {
  for (const { path } of told) {
    const address = join(folder.location, path);
    const beside = `${address}.${process.pid}.part`;
    try {
      const bytes = stripSources(await readFile(address));
      await writeOutput(`the stripped ${path}`, beside, bytes);
      await rename(beside, address);
    } catch (error) {
      await rm(beside, { force: true });
      throw error;
    }
  }
}
