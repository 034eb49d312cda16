// One file of a model, wherever it lies, and reading it whole.

import { PhaseskipError, type ByteSource } from "@phaseskip/graph";
import { parsePythonJson } from "@phaseskip/scheduler";

/** One file of a model folder; its bytes are read where they are needed, never all at once. */
export interface ModelFile extends ByteSource {
  /** Path inside the folder, with `/` between its parts. */
  readonly path: string;
  /** SHA-256 of each 16 MiB, 64 hexadecimal digits, where they are known; what is read was compared with them. */
  readonly sha256?: readonly string[];
}

/** Reads a whole file as UTF-8 text, without its byte-order mark. */
export async function readText(file: ModelFile): Promise<string> {
  return new TextDecoder().decode(await file.read(0, file.size));
}

/**
 * Reads a whole file as JSON, also as Python writes it: with bare Infinity, -Infinity and NaN.
 * @throws {PhaseskipError} `model-invalid` If it is none.
 */
export async function readJson(
  file: ModelFile,
  address: string,
): Promise<unknown> {
  try {
    return parsePythonJson(await readText(file));
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new PhaseskipError(
      "model-invalid",
      `Cannot use ${address} as it is no JSON: ${cause.message}`,
      { cause },
    );
  }
}
