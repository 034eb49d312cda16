// Stands in for disk-folder.ts where there is no disk: in browsers.

import { PhaseskipError } from "@phaseskip/graph";
import type { ModelFolder } from "./folder.js";

/** Whether a folder lies there: here none does. */
export const isDiskFolder: (location: string) => Promise<boolean> = async () =>
  false;

/**
 * Explains that models come over HTTP here.
 * @throws {PhaseskipError} `fetch-failed` Always.
 */
export async function openDiskFolder(
  location: string | URL,
): Promise<ModelFolder> {
  throw new PhaseskipError(
    "fetch-failed",
    `Cannot open the model folder ${String(location)} as a browser reads no files from disk: serve the folder over HTTP and give its URL`,
  );
}
