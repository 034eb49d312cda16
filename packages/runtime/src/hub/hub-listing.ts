// A hub's list of a model's files: [{ type, path, size, oid, lfs?: { oid, size } }, …], a page at a time.

import { PhaseskipError } from "@phaseskip/graph";
import { pause } from "../download/pause.js";
import { reasonOf, request, statusError } from "../download/http-request.js";
import { StallGuard } from "../download/stall-guard.js";
import type { ExpectedFile } from "../store/expected-file.js";
import { hubRefusal } from "./hub-refusal.js";
import { gitDigest, sha256Digest } from "./whole-digest.js";

/** How often a page is asked for that does not come whole. */
const TRIES = 4;
/** How long the hub may not answer, in ms. */
const STALL_MS = 20_000;
/** How long to wait before the second try, in ms; it doubles with each. */
const RETRY_MS = 500;

/** What is listed. */
export interface ListingRequest {
  /** The model's name, for messages. */
  readonly model: string;
  /** Where the list begins. */
  readonly url: URL;
  /** Headers that a request carries. */
  readonly headers: () => Promise<Record<string, string>>;
  /** How long to wait before the second try, in ms. @default 500 */
  readonly retryMs?: number;
}

/** One entry of the list, as far as it is used. */
interface Entry {
  readonly type: unknown;
  readonly path: unknown;
  readonly size: unknown;
  readonly oid: unknown;
  readonly lfs?: { readonly oid: unknown; readonly size: unknown };
}

/**
 * Reads the whole list.
 * @throws {PhaseskipError} `fetch-failed` If the hub cannot be reached, refuses, or sends something else
 * @throws the signal's reason, if it fires
 */
export async function listHubFiles(
  { model, url, headers, retryMs = RETRY_MS }: ListingRequest,
  signal: AbortSignal | undefined,
): Promise<Map<string, ExpectedFile>> {
  const files = new Map<string, ExpectedFile>();
  const seen = new Set<string>();
  for (let next: URL | undefined = url; next;) {
    if (next.origin !== url.origin || seen.has(next.href))
      throw noList(model, `its next page is said to be ${next.href}`);
    seen.add(next.href);
    let page = await readPage(model, next, headers, signal);
    for (let failures = 1; "failure" in page; failures++) {
      if (failures === TRIES) throw page.failure;
      await pause(retryMs * 2 ** (failures - 1), signal);
      page = await readPage(model, next, headers, signal);
    }
    for (const [path, file] of filesOf(page.entries, model))
      files.set(path, file);
    next = page.next;
  }
  return files;
}

/** One page of the list, or why another try may bring it. */
type Page =
  | { readonly entries: unknown; readonly next: URL | undefined }
  | { readonly failure: PhaseskipError };

async function readPage(
  model: string,
  url: URL,
  headers: () => Promise<Record<string, string>>,
  signal: AbortSignal | undefined,
): Promise<Page> {
  const address = `the list of ${model}'s files at ${url.origin}`;
  const init = { headers: await headers() };
  const guard = new StallGuard(signal, address, STALL_MS);
  try {
    const response = await guard.watch(
      request(url, address, init, guard.signal),
    );
    if (response.status >= 500 || [408, 429].includes(response.status))
      return { failure: statusError(response, address) };
    if (!response.ok) throw hubRefusal(response, model);
    try {
      const entries: unknown = await guard.watch(response.json());
      return { entries, next: nextPage(response, url) };
    } catch (cause) {
      signal?.throwIfAborted();
      const message = `Cannot fetch ${address} as it broke off, or is no JSON: ${reasonOf(cause)}`;
      return {
        failure: new PhaseskipError("fetch-failed", message, { cause }),
      };
    }
  } finally {
    guard.end();
  }
}

/** Where a list goes on: `<URL>; rel="next"` among the links of an answer. */
function nextPage({ headers }: Response, url: URL): URL | undefined {
  const link = /<([^>]*)>\s*;[^,]*\brel="?next\b/.exec(
    headers.get("link") ?? "",
  );
  return link ? new URL(link[1]!, url) : undefined;
}

function filesOf(entries: unknown, model: string): [string, ExpectedFile][] {
  if (!Array.isArray(entries)) throw noList(model, "it is no JSON array");
  return (entries as Entry[])
    .filter((entry) => entry?.type === "file")
    .map((entry) => {
      const { path, size, oid, lfs } = entry;
      const bytes = Number(lfs?.size ?? size);
      const name = lfs
        ? /^(?:sha256:)?([0-9a-f]{64})$/.exec(String(lfs.oid))?.[1]
        : /^[0-9a-f]{40}$/.exec(String(oid))?.[0];
      if (typeof path !== "string" || !Number.isSafeInteger(bytes) || !name)
        throw noList(model, `one of its entries is ${JSON.stringify(entry)}`);
      const file: ExpectedFile = {
        size: bytes,
        version: `${lfs ? "sha256" : "git"}:${name}`,
        digest: lfs ? sha256Digest : () => gitDigest(bytes),
        mismatch: (address, how) => otherFile(address, how),
      };
      return [path, file];
    });
}

function noList(model: string, how: string): PhaseskipError {
  return new PhaseskipError(
    "fetch-failed",
    `Cannot use the hub's list of ${model}'s files as ${how}`,
  );
}

function otherFile(address: string, how: string): PhaseskipError {
  return new PhaseskipError(
    "integrity",
    `Cannot use ${address} as it is not the file that the hub lists, ${how}: load the model again, as it may have changed meanwhile; name a commit as its revision, and it cannot`,
  );
}
