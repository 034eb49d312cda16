// Reads and writes the user's files; what fails is said in one line that names the file.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Reads a whole file that the user named.
 * @param what what the file is to the user, such as `the initial noise`
 * @throws {RangeError} If there is no such file, or it cannot be read; the system's error is its `cause`.
 */
export async function readInput(
  what: string,
  path: string,
): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new RangeError(
      `Cannot read ${what} as ${path} must be a file that exists and may be read: current state is ${systemReason(cause)}`,
      { cause },
    );
  }
}

/**
 * Writes a whole file that the user named, and makes the folders above it. A file that is there is replaced.
 * @param what what the file is to the user, such as `the picture`
 * @throws {Error} If it cannot be written; the system's error is its `cause`.
 */
export async function writeOutput(
  what: string,
  path: string,
  bytes: Uint8Array,
): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
  } catch (cause) {
    throw new Error(
      `Cannot write ${what} as ${path} must be in a folder that may be written: current state is ${systemReason(cause)}`,
      { cause },
    );
  }
}

/** The system's code, such as `ENOENT`, with its meaning where one line can say it. */
export function systemReason(cause: unknown): string {
  const code =
    cause instanceof Error && "code" in cause
      ? String(cause.code)
      : String(cause);
  const meanings: Record<string, string> = {
    ENOENT: "no such file",
    EACCES: "no permission",
    EPERM: "no permission",
    EROFS: "a read-only disk",
    EISDIR: "a folder, not a file",
    ENOTDIR: "a file where a folder must be",
    EEXIST: "a file where a folder must be",
    ENOSPC: "a full disk",
  };
  return meanings[code] === undefined ? code : `${meanings[code]} (${code})`;
}
