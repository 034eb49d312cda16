// Fetches one file into a chunk store; where the server names its bytes by a strong ETag, a broken download goes
// on where it ended.

import { PhaseskipError } from "@phaseskip/graph";
import { chunkSink } from "./chunk-sink.js";
import type { ChunkStore, FileKey, FileRecord } from "./chunk-store.js";
import { isStrong, versionOf } from "./file-version.js";
import { WebPageError, type FolderProgress } from "./folder.js";
import { receive } from "./receive.js";
import { request, statusError } from "./request.js";

/** One file to fetch, and where it goes. */
export interface Download {
  /** Where the file is fetched. */
  readonly url: URL;
  /** The same for messages, without a query that may hold a key. */
  readonly address: string;
  /** Its place in the stores. */
  readonly key: FileKey;
  /** Size of a chunk in bytes. */
  readonly chunkBytes: number;
  /** Where chunks go; when it refuses, `fallback` takes over. */
  readonly store: ChunkStore;
  /** A store in memory. */
  readonly fallback: ChunkStore;
  /** A web page, or status 403, counts as "no such file". */
  readonly optional: boolean;
  /** Cancels: rejects with its reason. */
  readonly signal: AbortSignal | undefined;
  /** Told of bytes as they arrive. */
  readonly onProgress: (progress: FolderProgress) => void;
  /** A version for servers that name none. */
  readonly versionElsewhere: () => Promise<string | undefined>;
}

/** A file that is whole in `store`. */
export interface StoredFile {
  /** Where it lies. */
  readonly store: ChunkStore;
  /** What it is. */
  readonly record: FileRecord & { readonly version: string };
}

/**
 * Fetches a file whole.
 * @returns `undefined` where the server has no such file
 * @throws {PhaseskipError} `fetch-failed`, or `model-invalid` for a web page.
 */
export async function download(
  task: Download,
): Promise<StoredFile | undefined> {
  for (;;) {
    const before = await partialOf(task);
    const outcome = await attempt(task, before);
    if (!(outcome instanceof PhaseskipError)) return outcome;
    // It broke off in the middle: go on for as long as each attempt brings at least one chunk more.
    const after = await partialOf(task);
    if ((after?.bytes ?? 0) <= (before?.bytes ?? 0)) throw outcome;
  }
}

interface PartialFile {
  readonly version: string;
  readonly bytes: number;
}

/** What an earlier, broken download of the same bytes left behind. */
async function partialOf({
  store,
  key,
  chunkBytes,
}: Download): Promise<PartialFile | undefined> {
  const versions = await store
    .offsets(key)
    .catch(() => new Map<string, number[]>());
  const whole = (await store.record(key).catch(() => undefined))?.version;
  for (const [version, offsets] of versions) {
    const isFromStart = offsets.every(
      (offset, index) => offset === index * chunkBytes,
    );
    if (version !== whole && isStrong(version) && isFromStart)
      return { version, bytes: offsets.length * chunkBytes };
  }
  return undefined;
}

/** One request; returns the error, instead of throwing it, where the answer broke off after it had begun. */
async function attempt(
  task: Download,
  partial?: PartialFile,
): Promise<StoredFile | undefined | PhaseskipError> {
  const { url, address, key, chunkBytes, optional, signal, onProgress } = task;
  const range = partial
    ? { headers: { Range: `bytes=${partial.bytes}-` } }
    : {};
  const response = await request(url, address, range, signal);
  if (
    partial &&
    (response.status === 206 || response.status === 416) &&
    !continues(response, partial)
  ) {
    await response.body?.cancel();
    await task.store.remove(key, partial.version);
    return attempt(task);
  }
  const refusal = refusalOf(response, address, optional);
  if (refusal) {
    await response.body?.cancel();
    if (refusal === "absent") return undefined;
    throw refusal;
  }

  const version =
    versionOf(response) ??
    (await task.versionElsewhere()) ??
    `unversioned ${Math.random()}`;
  const onRefusal = (reason: string) =>
    onProgress({ kind: "uncached", path: key.path, reason });
  if (version.startsWith("unversioned")) {
    onRefusal(
      "the server sends neither ETag nor Last-Modified, so it has to be fetched each time",
    );
  }
  const sink = chunkSink({ ...task, onRefusal }, version);
  const start = response.status === 206 && partial ? partial.bytes : 0;
  const onBytes = (loaded: number, total: number | undefined) =>
    onProgress({
      kind: "download",
      path: key.path,
      loaded,
      ...(total !== undefined && { total }),
    });
  try {
    const size = await receive(response, sink, {
      path: key.path,
      address,
      start,
      chunkBytes,
      signal,
      onBytes,
    });
    const record = { version, size, chunkBytes, usedAt: Date.now() };
    await sink.commit(record);
    return { store: sink.store, record };
  } catch (error) {
    if (!isStrong(version))
      await sink.store.remove(key, version).catch(() => undefined);
    signal?.throwIfAborted();
    if (optional && error instanceof WebPageError) return undefined;
    if (error instanceof PhaseskipError && error.code === "fetch-failed")
      return error;
    throw error;
  }
}

function continues(
  { status, headers }: Response,
  partial: PartialFile,
): boolean {
  return (
    status === 206 &&
    !headers.has("content-encoding") &&
    headers.get("etag") === partial.version &&
    (headers.get("content-range") ?? "").startsWith(`bytes ${partial.bytes}-`)
  );
}

/** Why an answer is not the file, told by its status and type. */
function refusalOf(
  response: Response,
  address: string,
  optional: boolean,
): "absent" | PhaseskipError | undefined {
  const { status, ok, headers } = response;
  if (status === 404 || status === 410 || (status === 403 && optional))
    return "absent";
  if (!ok) return statusError(response, address);
  if (
    !/^\s*(text\/html|application\/xhtml\+xml)\b/i.test(
      headers.get("content-type") ?? "",
    )
  )
    return undefined;
  return optional ? "absent" : new WebPageError(address);
}
