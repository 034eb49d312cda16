// Reads the weights of a model's ONNX file and lays them out as a session's external file.

import type {
  ByteSource,
  Graph,
  SegmentModel,
  Weight,
  WeightPlacement,
} from "@phaseskip/graph";
import { PhaseskipError, tensorBytes, widenFloats } from "@phaseskip/graph";
import type { ModelFolder } from "../folder/folder.js";
import type { ExternalFile } from "../device/session.js";
import type { FiledWeight, WeightRun } from "./weight-runs.js";
import { weightRuns } from "./weight-runs.js";

/** Bytes read at a time: no weight is ever held twice. */
const pieceBytes = 4 << 20;

/**
 * The files beside an ONNX file that hold its weights, as paths in the model folder, each once.
 * @param path the ONNX file's path in the folder
 */
export function externalPaths(
  path: string,
  graph: Pick<Graph, "weights">,
): readonly string[] {
  const directory = path.slice(0, path.lastIndexOf("/") + 1);
  const paths = new Set<string>();
  for (const { data } of graph.weights.values())
    if ("location" in data && data.location)
      paths.add(directory + data.location);
  return [...paths];
}

/**
 * Opens all files beside an ONNX file that hold its weights, so that they are there before they are read.
 * @param path the ONNX file's path in the folder
 * @throws {PhaseskipError} `model-invalid` If one is missing.
 */
export async function openExternalFiles(
  folder: ModelFolder,
  path: string,
  graph: Pick<Graph, "weights">,
  signal?: AbortSignal,
): Promise<void> {
  await Promise.all(
    externalPaths(path, graph).map(async (path) => {
      const file = await folder.file(path, signal);
      if (!file) throw missingFile(folder, path);
      // The first bytes are on their way while other things are made ready; should it fail, the reader is told.
      file.read(0, Math.min(1, file.size)).catch(() => undefined);
    }),
  );
}

function missingFile(folder: ModelFolder, path: string): PhaseskipError {
  return new PhaseskipError(
    "model-invalid",
    `Cannot load the model as its weights file ${path} is missing from ${folder.location}`,
  );
}

/** What is made of weights as they are read. */
export interface WeightChanges {
  /** Equal where the same is made of a weight; `""` where it stays as it is in its file. */
  key(weight: string): string;
  /** Changes a weight's bytes, which are in the type that the device holds it in. */
  apply(weight: Weight, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
}

/** The weights of one ONNX file, wherever in its folder they lie. */
export class Weights {
  readonly #folder: ModelFolder;
  readonly #directory: string;
  readonly #name: string;
  readonly #files = new Map<string, Promise<ByteSource>>();
  #space = new ArrayBuffer(0);
  /** What is made of them; sessions that were made before are not. */
  changes: WeightChanges | undefined;

  /**
   * @param folder the model folder
   * @param path the ONNX file's path in it, such as `unet/model.onnx`
   */
  constructor(folder: ModelFolder, path: string) {
    const slash = path.lastIndexOf("/") + 1;
    this.#folder = folder;
    this.#directory = path.slice(0, slash);
    this.#name = path.slice(slash);
  }

  /** Whether something is made of a weight. */
  readonly isChanged = (weight: string): boolean =>
    (this.changes?.key(weight) ?? "") !== "";

  /** What is made of weights, as a text that is equal where the same is; `""` where all stay as they are. */
  changesOf(weights: Iterable<string>): string {
    const { changes } = this;
    if (!changes) return "";
    const changed = [...weights].filter(this.isChanged);
    return changed.map((name) => `${name}:${changes.key(name)}`).join("\n");
  }

  /**
   * The external file of a segment's model; undefined if it needs none. It lies in memory that the next one takes, too,
   * until {@link dropSpace}: segments of a large model are laid out one after the other in the same place.
   */
  async external(
    model: SegmentModel,
    signal?: AbortSignal,
  ): Promise<ExternalFile | undefined> {
    if (model.externalBytes === 0) return undefined;
    if (this.#space.byteLength < model.externalBytes) {
      this.dropSpace();
      this.#space = new ArrayBuffer(model.externalBytes);
    }
    const bytes = new Uint8Array(this.#space, 0, model.externalBytes);
    for (const run of weightRuns(this.#filed(model, bytes), pieceBytes)) {
      signal?.throwIfAborted();
      await this.#read(run, bytes);
    }
    for (const { weight, offset, byteLength } of model.placements) {
      signal?.throwIfAborted();
      if (this.isChanged(weight.name)) {
        const own = bytes.subarray(offset, offset + byteLength);
        await this.changes!.apply(weight, own);
      }
    }
    return { name: model.externalName, bytes };
  }

  /** Gives back the memory in which external files are laid out; the last one is of no more use then. */
  dropSpace(): void {
    this.#space = new ArrayBuffer(0);
  }

  /** Places the weights that the graph has in itself; gives the others. */
  #filed(
    { placements }: SegmentModel,
    target: Uint8Array<ArrayBuffer>,
  ): FiledWeight[] {
    return placements.flatMap((placement) => {
      const { data } = placement.weight;
      if ("data_type" in data) {
        place(placement, tensorBytes(data), 0, target);
        return [];
      }
      const { location, offset, length } = data;
      const path = data.path ?? this.#directory + (location || this.#name);
      return [{ placement, path, offset, length }];
    });
  }

  async #read(
    { path, offset, length, weights }: WeightRun,
    target: Uint8Array<ArrayBuffer>,
  ): Promise<void> {
    const file = await this.#file(path);
    for (const { placement, offset: from, length: own } of weights) {
      if (from + own <= file.size) continue;
      throw new PhaseskipError(
        "model-invalid",
        `Cannot read the weight ${placement.weight.name} as ${path} must have ${from + own} bytes: it has ${file.size}`,
      );
    }
    for (let at = 0; at < length; at += pieceBytes) {
      const piece = await file.read(
        offset + at,
        Math.min(pieceBytes, length - at),
      );
      // a run of several weights is one piece; what is larger is one weight
      for (const { placement, offset: from, length: own } of weights) {
        const start = from - offset;
        place(placement, piece.subarray(start, start + own), at, target);
      }
    }
  }

  #file(path: string): Promise<ByteSource> {
    const known = this.#files.get(path);
    if (known) return known;
    const opened = this.#folder.file(path).then((file) => {
      if (file) return file;
      throw missingFile(this.#folder, path);
    });
    this.#files.set(path, opened);
    opened.catch(() => this.#files.delete(path));
    return opened;
  }
}

/**
 * Puts bytes of a weight where its session reads them, in the type that it holds.
 * @param at the piece's first byte in the weight's own bytes
 */
function place(
  { weight, offset, byteLength }: WeightPlacement,
  piece: Uint8Array,
  at: number,
  target: Uint8Array<ArrayBuffer>,
): void {
  const growth = byteLength / weight.byteLength;
  const start = offset + at * growth;
  if (growth === 1) target.set(piece, start);
  else
    widenFloats(
      weight.type,
      piece,
      target.subarray(start, start + piece.byteLength * growth),
    );
}
