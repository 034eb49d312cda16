// `phaseskip pack`: writes a model's phaseskip.json, the list of its files that browsers check their cache with.

import { createHash } from "node:crypto";
import { readFile, rename, rm } from "node:fs/promises";
import { join, basename } from "node:path";
import { loadGraph, PhaseskipError } from "@phaseskip/graph";
import {
  isLoaded,
  LISTED_CHUNK_BYTES,
  loadModelIndex,
  MANIFEST_PATH,
  openFolder,
  parseManifest,
  unetDigest,
  type ListedFile,
  type ModelFile,
  type ModelFolder,
  type ModelIndex,
  type ModelManifest,
} from "@phaseskip/runtime/internals";
import { parsePlan } from "@phaseskip/runtime/plans";
import { writeJson, writeNotes, type CommandIo } from "../command-io.js";
import { writeOutput } from "../files/file.js";
import { formatCount } from "../terminal/format-count.js";
import { modelFiles } from "../files/model-files.js";
import { stripFiles, toldSources } from "../files/model-sources.js";
import { licenceOf } from "../files/model-licence.js";
import { progress } from "../terminal/progress.js";

/** The options of `pack`, read. */
export interface PackArguments {
  readonly licence?: string;
  /** Whether what the files tell of the exporting program is taken out first. */
  readonly strip?: true;
  readonly json?: true;
}

/** What changed in a list. */
interface Changes {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

/** Runs `phaseskip pack MODEL`. The same folder gives the same bytes. */
export async function pack(
  location: string,
  { licence, strip, json }: PackArguments,
  io: CommandIo,
): Promise<void> {
  if (/^https?:/i.test(location)) {
    throw new TypeError(
      `Cannot pack a model over HTTP as MODEL must be a folder on this disk: current value is ${location}`,
    );
  }
  const sourceNotes = await tellSources(location, strip === true, io);
  const folder = await openFolder(location, {
    ...(io.signal && { signal: io.signal }),
  });
  try {
    const before = await existing(folder);
    const index = await loadModelIndex(folder, io.signal);
    const files = await modelFiles(folder, index, io.signal);
    const { plans, notes } = await checkPlans(folder, index, files, io.signal);
    notes.unshift(...sourceNotes);
    const card = await readFile(join(folder.location, "README.md"), "utf8")
      .then(licenceOf)
      .catch(() => undefined);
    const terms = licence ?? index.licence ?? card ?? before?.licence;
    if (terms === undefined)
      notes.push("no licence is named anywhere: --licence MIT would say it");
    const manifest = {
      format: "phaseskip-model",
      version: 1,
      ...(terms !== undefined && { licence: terms }),
      plans,
      files: Object.fromEntries(await digests(files, io)),
    };
    const text = `${JSON.stringify(manifest, undefined, 2)}\n`;
    const path = join(folder.location, MANIFEST_PATH);
    await writeWhole(path, new TextEncoder().encode(text));
    const changes = changesOf(before, manifest.files);
    writeNotes(io, notes);
    if (json) writeJson(io, { path, ...manifest, changes });
    else io.stdout.write(describe(path, manifest, before && changes));
  } finally {
    await folder.close();
  }
}

/** Says what the model's files tell of the program that exported them, and takes it out where that is asked for. */
async function tellSources(
  location: string,
  isStripped: boolean,
  { signal }: CommandIo,
): Promise<string[]> {
  const folder = await openFolder(location, { ...(signal && { signal }) });
  try {
    const index = await loadModelIndex(folder, signal);
    const told = await toldSources(await modelFiles(folder, index, signal));
    if (isStripped) await stripFiles(folder, told);
    return told.map(({ path, nodes, example }) =>
      isStripped
        ? `${path}: paths of the exporting program are taken out of ${nodes} nodes${path === "unet/model.onnx" ? "; the file is another one now: plans whose model.unet names it as it was are refused, and have to be made again or to name it anew" : ""}`
        : `${path}: ${nodes} nodes tell paths of the program that exported it, such as ${example}; --strip takes them out`,
    );
  } finally {
    await folder.close();
  }
}

/** The list that is there, which must be one of ours. */
async function existing(
  folder: ModelFolder,
): Promise<ModelManifest | undefined> {
  const address = join(folder.location, MANIFEST_PATH);
  try {
    const value = await folder.json(MANIFEST_PATH);
    return value === undefined
      ? undefined
      : parseManifest(value, address, LISTED_CHUNK_BYTES);
  } catch (cause) {
    if (!(cause instanceof PhaseskipError) || cause.code !== "model-invalid")
      throw cause;
    throw new PhaseskipError(
      "model-invalid",
      `Cannot write ${address} as a file of that name is there that phaseskip pack did not write: move it away`,
      { cause },
    );
  }
}

/** Every plan that is shipped must be one; whether it is for this model is worth a note. */
async function checkPlans(
  folder: ModelFolder,
  { unetPath }: ModelIndex,
  files: readonly ModelFile[],
  signal?: AbortSignal,
): Promise<{ plans: readonly string[]; notes: string[] }> {
  const unet = files.find(({ path }) => path === unetPath)!;
  const graph = await loadGraph(unet, unetPath);
  const digest = await unetDigest(folder, graph, unetPath, signal);
  const notes: string[] = [];
  const paths = files
    .map(({ path }) => path)
    .filter((path) => path.startsWith("plans/"));
  for (const path of paths) {
    try {
      const plan = parsePlan(await folder.json(path, signal));
      if (plan.model?.unet !== undefined && plan.model.unet !== digest)
        notes.push(`${path} is for another Unet than this one`);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new PhaseskipError(
        "plan-invalid",
        `Cannot pack the model at ${folder.location} as its ${path} is wrong: ${reason}`,
        { cause },
      );
    }
  }
  return { plans: paths.map((path) => basename(path, ".json")), notes };
}

async function digests(
  files: readonly ModelFile[],
  io: CommandIo,
): Promise<readonly (readonly [string, ListedFile])[]> {
  const shown = progress(io.stderr);
  const total = bytesOf(files);
  const listed: [string, ListedFile][] = [];
  let done = 0;
  try {
    for (const file of files) {
      const { path, size } = file;
      const sha256: string[] = [];
      for (let at = 0; at < size; at += LISTED_CHUNK_BYTES) {
        io.signal?.throwIfAborted();
        shown.show("reading", done, total, path);
        const length = Math.min(LISTED_CHUNK_BYTES, size - at);
        const chunk = await file.read(at, length);
        sha256.push(createHash("sha256").update(chunk).digest("hex"));
        done += chunk.byteLength;
      }
      listed.push([path, { size, sha256 }]);
    }
  } finally {
    shown.clear();
  }
  return listed;
}

/** Half a list is never there: what is written is put in place at once. */
async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const beside = `${path}.${process.pid}.part`;
  try {
    await writeOutput("the model's list of files", beside, bytes);
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}

function changesOf(
  before: ModelManifest | undefined,
  files: Readonly<Record<string, ListedFile>>,
): Changes {
  const old = before?.files ?? new Map<string, ListedFile>();
  const isSame = (path: string) =>
    old.get(path)?.size === files[path]?.size &&
    old.get(path)?.sha256.join() === files[path]?.sha256.join();
  const paths = Object.keys(files);
  return {
    added: paths.filter((path) => !old.has(path)),
    changed: paths.filter((path) => old.has(path) && !isSame(path)),
    removed: [...old.keys()].filter((path) => files[path] === undefined),
  };
}

function bytesOf(files: readonly { readonly size: number }[]): number {
  return files.reduce((bytes, { size }) => bytes + size, 0);
}

function describe(
  path: string,
  manifest: {
    readonly licence?: string;
    readonly plans: readonly string[];
    readonly files: Readonly<Record<string, ListedFile>>;
  },
  changes: Changes | undefined,
): string {
  const { licence, plans, files } = manifest;
  const all = Object.entries(files);
  const loaded = all.filter(([name]) => isLoaded(name)).map(([, file]) => file);
  const news = Object.entries(changes ?? {}).flatMap(
    ([kind, paths]: [string, readonly string[]]) =>
      paths.map((name) => `  ${kind} ${name}\n`),
  );
  return [
    `${path}: ${all.length} files, ${formatCount(bytesOf(all.map(([, file]) => file)))}B, of which a browser loads ${formatCount(bytesOf(loaded))}B\n`,
    `  licence ${licence ?? "unknown"}, plans ${plans.join(", ") || "none"}\n`,
    ...(changes && news.length === 0 ? ["  nothing changed\n"] : news),
  ].join("");
}
