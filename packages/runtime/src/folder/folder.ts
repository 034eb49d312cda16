// What a model folder offers, wherever it lies, and the checks that both kinds share.

import type { ModelFile } from "../store/model-file.js";
import { PhaseskipError } from "@phaseskip/graph";

/** What reading a file may be told beside its path. */
export interface FileOptions {
  /**
   * The model works without this file: an answer that a server without it may give (status 403, a web page)
   * counts as "no such file" instead of an error.
   * @default false
   */
  readonly optional?: boolean;
}

/** A folder in the layout that diffusers exports, over HTTP or on disk. */
export interface ModelFolder {
  /** URL that ends in `/`, or absolute path; for messages. */
  readonly location: string;
  /** The Unet's file, where that was named in place of the folder: the model is this network alone. */
  readonly unetPath?: string;
  /** Names of ControlNets that were given beside it; their files lie under these names. */
  readonly controlNets?: readonly string[];
  /**
   * Opens a file. Over HTTP it is whole in the cache once this resolves.
   * @returns the file, or `undefined` where the folder has none of that path
   * @throws {PhaseskipError} `model-invalid` If the path leaves the folder or the file is a web page;
   * `fetch-failed` if it cannot be read; `disposed` after `close`.
   */
  file(
    path: string,
    signal?: AbortSignal,
    options?: FileOptions,
  ): Promise<ModelFile | undefined>;
  /**
   * Reads and parses a JSON file.
   * @returns the value, or `undefined` where the folder has no file of that path
   * @throws {PhaseskipError} As `file`, and `model-invalid` if the file is no JSON.
   */
  json(
    path: string,
    signal?: AbortSignal,
    options?: FileOptions,
  ): Promise<unknown>;
  /**
   * Paths of the folder's files, where that is known: on disk, or over HTTP from the model's phaseskip.json.
   * @returns `undefined` where nothing lists them
   */
  paths(signal?: AbortSignal): Promise<readonly string[] | undefined>;
  /** Says that networks and the weights beside them will not be read, as others of the folder stand in for them. */
  spare(paths: readonly string[]): void;
  /**
   * Says that all files of the model were opened. Over HTTP it makes sure that they belong together, and notes it, so
   * that the model loads without a network from then on.
   * @throws {PhaseskipError} `integrity` If the model changed on the server in between.
   */
  complete(signal?: AbortSignal): Promise<void>;
  /** Closes file handles and drops what is held in memory; reads fail from then on. */
  close(): Promise<void>;
}

/**
 * Checks a path from a model's own files.
 * @returns the path without `.` parts
 * @throws {PhaseskipError} `model-invalid` If it is absolute, leaves the folder, or is written to hide that.
 */
export function pathInside(path: string, location: string): string {
  const parts = path.split("/").filter((part) => part !== ".");
  let decoded = path;
  let isText = true;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    // A lone % is part of a name; there is nothing to decode.
  }
  try {
    encodeURIComponent(path);
  } catch {
    isText = false;
  }
  const escapes = [path, decoded].some(
    (form) =>
      /^\/|^[a-z]:|^[a-z][a-z0-9+.-]*:\/|\\|[\0-\x1f]/i.test(form) ||
      form.split("/").includes(".."),
  );
  const hidesParts =
    decoded.split("/").length !== path.split("/").length || parts.includes("");
  if (!isText || escapes || hidesParts) {
    throw new PhaseskipError(
      "model-invalid",
      `Cannot read "${path}" as files of the model at ${location} must lie inside its folder`,
    );
  }
  return parts.join("/");
}
