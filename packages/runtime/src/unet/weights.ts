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

  /** The external file of a segment's model, in new memory; undefined if it needs none. */
  async external(
    model: SegmentModel,
    signal?: AbortSignal,
  ): Promise<ExternalFile | undefined> {
    if (model.externalBytes === 0) return undefined;
    const bytes = new Uint8Array(model.externalBytes);
    for (const placement of model.placements) {
      signal?.throwIfAborted();
      await this.#place(placement, bytes);
      const { weight, offset, byteLength } = placement;
      if (this.isChanged(weight.name)) {
        const own = bytes.subarray(offset, offset + byteLength);
        await this.changes!.apply(weight, own);
      }
    }
    return { name: model.externalName, bytes };
  }

  async #place(
    { weight, offset, byteLength }: WeightPlacement,
    target: Uint8Array<ArrayBuffer>,
  ): Promise<void> {
    const growth = byteLength / weight.byteLength;
    const put = (piece: Uint8Array, at: number) => {
      const start = offset + at * growth;
      if (growth === 1) target.set(piece, start);
      else
        widenFloats(
          weight.type,
          piece,
          target.subarray(start, start + piece.byteLength * growth),
        );
    };
    if ("data_type" in weight.data) {
      put(tensorBytes(weight.data), 0);
      return;
    }
    const { location, offset: from, length } = weight.data;
    const path = weight.data.path ?? this.#directory + (location || this.#name);
    const file = await this.#file(path);
    if (from + length > file.size) {
      throw new PhaseskipError(
        "model-invalid",
        `Cannot read the weight ${weight.name} as ${path} must have ${from + length} bytes: it has ${file.size}`,
      );
    }
    for (let at = 0; at < length; at += pieceBytes) {
      put(await file.read(from + at, Math.min(pieceBytes, length - at)), at);
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
