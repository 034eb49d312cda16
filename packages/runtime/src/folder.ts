// What a model folder offers, wherever it lies, and the checks that both kinds share.

import { PhaseskipError, type ByteSource } from "@phaseskip/graph";

/** One file of a model folder; its bytes are read where they are needed, never all at once. */
export interface ModelFile extends ByteSource {
  /** Path inside the folder, with `/` between its parts. */
  readonly path: string;
  /** SHA-256 of each 16 MiB, 64 hexadecimal digits, where they are known; what is read was compared with them. */
  readonly sha256?: readonly string[];
}

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
   * Says that all files of the model were opened. Over HTTP it makes sure that they belong together, and notes it, so
   * that the model loads without a network from then on.
   * @throws {PhaseskipError} `integrity` If the model changed on the server in between.
   */
  complete(signal?: AbortSignal): Promise<void>;
  /** Closes file handles and drops what is held in memory; reads fail from then on. */
  close(): Promise<void>;
}

/** What happens while a folder's files are fetched; sizes in bytes. */
export type FolderEvent =
  /** `loaded` bytes of the file have arrived; no `total` where the server does not say it. */
  | {
      readonly kind: "download";
      readonly path: string;
      readonly loaded: number;
      readonly total?: number;
    }
  /** The file comes whole from the cache, and is the one that the server has. */
  | { readonly kind: "cached"; readonly path: string; readonly size: number }
  /** The server cannot be reached; the cached file is used as it was last seen. */
  | { readonly kind: "offline"; readonly path: string; readonly size: number }
  /** Another tab fetches the file; this one takes over should that tab close. */
  | { readonly kind: "waiting"; readonly path: string }
  /** The file is kept in memory for this time only, as `reason` says. */
  | {
      readonly kind: "uncached";
      readonly path: string;
      readonly reason: string;
    }
  /** The model at the URL `evicted`, which was not used for long, left the cache to make room. */
  | { readonly kind: "evicted"; readonly evicted: string }
  /** Part of the cached file was damaged; it was fetched again. */
  | { readonly kind: "mended"; readonly path: string }
  /** Said once: files are neither verified nor shared between tabs, as `reason` says. */
  | { readonly kind: "insecure"; readonly reason: string }
  /** All files of the model are here. */
  | { readonly kind: "complete" };

/** What happens while a model is loaded, and how far it is. */
export type FolderProgress = FolderEvent & {
  /** Bytes of the model that are here, over all its files, from the network or the cache. */
  readonly modelLoaded: number;
  /**
   * Bytes of the model. Exact from the start on where the model has a phaseskip.json; else those of the files that
   * are known so far.
   */
  readonly modelTotal: number;
};

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

/**
 * Looks at a file's first bytes for what servers and checkouts send instead of a model.
 * @throws {PhaseskipError} `model-invalid` If it is a web page or a Git LFS pointer.
 */
export function assertNoStandIn(
  head: Uint8Array,
  path: string,
  address: string,
): void {
  const text = new TextDecoder("latin1")
    .decode(head.subarray(0, 256))
    .trimStart();
  if (
    /^<(!doctype|html|head|body|\?xml)/i.test(text) ||
    (/\.(onnx|json)$/.test(path) && text.startsWith("<"))
  ) {
    throw new WebPageError(address);
  }
  if (text.startsWith("version https://git-lfs.github.com/")) {
    throw new PhaseskipError(
      "model-invalid",
      `Cannot use ${address} as it is a Git LFS pointer instead of the file: run "git lfs pull" where it came from`,
    );
  }
}

/** The error for a web page where a file of the model should be. */
export class WebPageError extends PhaseskipError {
  /** @param address the file's URL or path */
  constructor(address: string) {
    super(
      "model-invalid",
      `Cannot use ${address} as a web page (HTML) came instead of the file: check the address, and that the server does not send its start page for missing files`,
    );
  }
}

/**
 * Resolves a location to a URL; relative ones count from the page.
 * @returns URL with `/` at the end of its path and no fragment; `undefined` for a folder on disk
 * @throws {TypeError} If it is neither a path nor an http(s) or file URL.
 */
export function folderUrl(location: string | URL): URL | undefined {
  const page = (globalThis as { location?: { href: string } }).location?.href;
  const hasScheme =
    location instanceof URL || /^[a-z][a-z0-9+.-]+:/i.test(location);
  if (!hasScheme && page === undefined) return undefined;
  const url = URL.canParse(String(location), hasScheme ? undefined : page)
    ? new URL(String(location), hasScheme ? undefined : page)
    : undefined;
  if (url?.protocol === "file:") return undefined;
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    throw new TypeError(
      `Cannot open a model folder as its location must be an http(s) or file URL or a path: current value is ${String(location)}`,
    );
  }
  url.hash = "";
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return url;
}

/** Reads a whole file as UTF-8 text, without its byte-order mark. */
export async function readText(file: ModelFile): Promise<string> {
  return new TextDecoder().decode(await file.read(0, file.size));
}

/**
 * Reads a whole file as JSON.
 * @throws {PhaseskipError} `model-invalid` If it is none.
 */
export async function readJson(
  file: ModelFile,
  address: string,
): Promise<unknown> {
  try {
    return JSON.parse(await readText(file)) as unknown;
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new PhaseskipError(
      "model-invalid",
      `Cannot use ${address} as it is no JSON: ${cause.message}`,
      { cause },
    );
  }
}
