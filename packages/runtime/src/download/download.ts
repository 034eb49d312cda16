// Fetches one file into a chunk store. What broke off goes on where it ended, for as long as something comes; a
// server that has gone silent is asked again.

import type { StoredFile } from "../store/chunk-store.js";
import { PhaseskipError } from "@phaseskip/graph";
import { chunkSink, type SinkOptions } from "./chunk-sink.js";
import type { ChunkStore } from "../store/chunk-store.js";
import { contentRange, isStrong, versionOf } from "./file-version.js";
import { WebPageError } from "./stand-in.js";
import type { FolderEvent } from "./load-progress.js";
import { MANIFEST_PATH } from "../store/model-manifest.js";
import type { FileSource } from "./file-source.js";
import { pause } from "./pause.js";
import { receive } from "./receive.js";
import { request, statusError } from "./http-request.js";
import { StallGuard } from "./stall-guard.js";

/** How often a download is tried that brings nothing more. */
const TRIES = 4;

/** One file to fetch, and where it goes. */
export interface Download extends Omit<SinkOptions, "onRefusal"> {
  /** Where the file is fetched. */
  readonly url: URL;
  /** The same for messages, without a query that may hold a key. */
  readonly address: string;
  /** The hub that has it, if one does. */
  readonly source: FileSource | undefined;
  /** A web page, or status 403, counts as "no such file". */
  readonly optional: boolean;
  /** Cancels: rejects with its reason. */
  readonly signal: AbortSignal | undefined;
  /** How long a server may send nothing, in ms. */
  readonly stallMs: number;
  /** How long to wait before the second try, in ms; it doubles with each. */
  readonly retryMs: number;
  /** Told of bytes as they arrive. */
  readonly onProgress: (progress: FolderEvent) => void;
  /** A version for servers that name none. */
  readonly versionElsewhere: string | undefined;
}

/** Why a try failed that may be worth another one. */
interface Failure {
  readonly error: PhaseskipError;
  /** How far the try came: no answer, an answer that is not the file, or part of the file. */
  readonly stage: "request" | "status" | "body";
  /** Where what came lies. */
  readonly store: ChunkStore;
}

/**
 * Fetches a file whole.
 * @returns `undefined` where the server has no such file
 * @throws {PhaseskipError} `fetch-failed`, `integrity` if it is not the listed file, or `model-invalid` for a web
 * page.
 */
export async function download(
  task: Download,
): Promise<StoredFile | undefined> {
  let { store } = task;
  let partial = await partialOf(task);
  let furthest = partial?.bytes ?? 0;
  let failures = 0;
  for (;;) {
    const outcome = await attempt({ ...task, store }, partial);
    if (!outcome || "record" in outcome) return outcome;
    const { error, stage } = outcome;
    store = outcome.store;
    partial = await partialOf({ ...task, store });
    const bytes = partial?.bytes ?? 0;
    failures = bytes > furthest ? 0 : failures + 1;
    furthest = Math.max(furthest, bytes);
    const isHopeless =
      failures >= (error.code === "integrity" ? 2 : TRIES) ||
      // A server that was never there will not be there in a second.
      (stage === "request" && furthest === 0);
    if (isHopeless) throw error;
    if (partial && stage === "body" && failures === TRIES - 1) {
      // Perhaps what is there is the reason.
      await forget(task, store, partial);
      partial = undefined;
    }
    await pause(task.retryMs * 2 ** failures, task.signal);
  }
}

/** What an earlier, broken download of the same bytes left behind. */
interface PartialFile {
  readonly version: string;
  /** How much of the file is there, in bytes. */
  readonly bytes: number;
  /** Offset of the chunk that is not full. */
  readonly offset: number;
  /** What is there of that chunk. */
  readonly head: Uint8Array;
}

async function partialOf({
  store,
  key,
  chunkBytes,
  listed,
}: Download): Promise<PartialFile | undefined> {
  try {
    const whole = (await store.record(key))?.version;
    for (const [version, offsets] of await store.offsets(key)) {
      const isFromStart = offsets.every((at, i) => at === i * chunkBytes);
      const isWanted = listed
        ? version === listed.version
        : version !== whole && isStrong(version);
      if (!isWanted || !isFromStart || offsets.length === 0) continue;
      const last = offsets.at(-1)!;
      const chunk = await store.read(key, version, last);
      const size = chunk?.byteLength ?? 0;
      const isFull = size === chunkBytes;
      return {
        version,
        bytes: last + size,
        offset: isFull ? last + size : last,
        head: isFull || !chunk ? new Uint8Array(0) : new Uint8Array(chunk),
      };
    }
  } catch {
    // A store that does not answer has nothing to go on with.
  }
  return undefined;
}

/** Drops what an earlier download left; where the store refuses even that, it is written over. */
async function forget(
  { key }: Download,
  store: ChunkStore,
  { version }: PartialFile,
): Promise<void> {
  await store.remove(key, version).catch(() => undefined);
}

/** One request. */
async function attempt(
  task: Download,
  partial?: PartialFile,
): Promise<StoredFile | undefined | Failure> {
  const { url, address, listed, signal, stallMs, store } = task;
  const guard = new StallGuard(signal, address, stallMs);
  const range = partial && { Range: `bytes=${partial.bytes}-` };
  try {
    // All of it may be there, where a tab was closed just before it noted that.
    const headers = { ...(await task.source?.headers()), ...range };
    const isAllThere = partial && partial.bytes === listed?.size;
    const response = isAllThere
      ? new Response(null, { status: 206 })
      : await guard.watch(request(url, address, { headers }, guard.signal));
    if (
      partial &&
      !isAllThere &&
      [206, 416].includes(response.status) &&
      !continues(response, partial, task)
    ) {
      void response.body?.cancel();
      await forget(task, store, partial);
      return await attempt(task);
    }
    const refusal = refusalOf(response, task);
    if (!refusal) return await receiveFile(task, response, guard, partial);
    void response.body?.cancel();
    if (refusal === "absent") return undefined;
    if (!isPassing(response)) throw refusal;
    return { error: refusal, stage: "status", store };
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof PhaseskipError && error.code === "fetch-failed")
      return { error, stage: "request", store };
    throw error;
  } finally {
    guard.end();
  }
}

async function receiveFile(
  task: Download,
  response: Response,
  guard: StallGuard,
  partial: PartialFile | undefined,
): Promise<StoredFile | undefined | Failure> {
  const { address, key, chunkBytes, listed, optional, signal } = task;
  const { path } = key;
  const version =
    listed?.version ??
    versionOf(response) ??
    task.versionElsewhere ??
    `unversioned ${Math.random()}`;
  const onRefusal = (reason: string) =>
    task.onProgress({ kind: "uncached", path, reason });
  if (version.startsWith("unversioned") && path !== MANIFEST_PATH) {
    onRefusal(
      "the server sends neither ETag nor Last-Modified, so it has to be fetched each time",
    );
  }
  const sink = chunkSink({ ...task, onRefusal }, version);
  const isResumed = response.status === 206 && partial;
  try {
    const size = await receive(response, sink, {
      path,
      address,
      offset: isResumed ? partial.offset : 0,
      head: isResumed ? partial.head : new Uint8Array(0),
      chunkBytes,
      listed,
      isResumable: isStrong(version),
      guard,
      onBytes: (loaded, total) =>
        task.onProgress({
          kind: "download",
          path,
          loaded,
          ...(total !== undefined && { total }),
        }),
    });
    return { record: await sink.commit(size), store: sink.store };
  } catch (error) {
    if (!isStrong(version))
      await sink.store.remove(key, version).catch(() => undefined);
    signal?.throwIfAborted();
    if (optional && error instanceof WebPageError) return undefined;
    const isWorthATry =
      error instanceof PhaseskipError &&
      ["fetch-failed", "integrity"].includes(error.code);
    if (isWorthATry) return { error, stage: "body", store: sink.store };
    throw error;
  }
}

/** Whether an answer goes on with what is there: told by its headers, or else by the digests of the list. */
function continues(
  response: Response,
  { version, bytes }: PartialFile,
  { listed }: Download,
): boolean {
  const { status, headers, type } = response;
  const from = contentRange(response)?.start;
  const isHidden = type === "cors" && from === undefined;
  return (
    status === 206 &&
    !headers.has("content-encoding") &&
    (listed !== undefined || headers.get("etag") === version) &&
    (from === bytes || (isHidden && listed !== undefined))
  );
}

/** Why an answer is not the file, told by its status and type. */
function refusalOf(
  response: Response,
  { address, optional, source }: Download,
): "absent" | PhaseskipError | undefined {
  const { status, ok, headers } = response;
  const isAbsent =
    status === 404 || status === 410 || (status === 403 && optional && !source);
  if (isAbsent) return "absent";
  if (!ok) return (source?.refusal ?? statusError)(response, address);
  if (
    !/^\s*(text\/html|application\/xhtml\+xml)\b/i.test(
      headers.get("content-type") ?? "",
    )
  )
    return undefined;
  return optional ? "absent" : new WebPageError(address);
}

/**
 * Whether the same request may have another answer: a server that is busy, or a signed address that a hub's own leads to
 * and that has expired. The hub's own is asked again.
 */
function isPassing({ status, redirected }: Response): boolean {
  const isExpired = redirected && [400, 401, 403].includes(status);
  return status >= 500 || [408, 429].includes(status) || isExpired;
}
