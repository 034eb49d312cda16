import { IDBFactory, IDBKeyRange, IDBObjectStore } from "fake-indexeddb";
import {
  serveFaults,
  type FaultServer,
  type Served,
} from "../../../e2e/fault-server.js";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { FolderEvent, FolderProgress, ModelFolder } from "../src/folder.js";
import { openFolder, type OpenFolderOptions } from "../src/model-folder.js";
import { deleteModel, listModels } from "../src/weight-cache.js";

// Typed: what expect gives is any.
const containing = (text: string): unknown => expect.stringContaining(text);
const matching = (pattern: RegExp): unknown => expect.stringMatching(pattern);
const instanceOf = (type: unknown): unknown => expect.any(type);

const PATH = "unet/model.onnx";
const CHUNK = 1000;

/** Bytes that no shift or swap of chunks leaves equal. */
const bytesOf = (size: number, seed = 1) =>
  Buffer.from(
    Uint8Array.from(
      { length: size },
      (_, i) => (i * 31 + (i >> 8) * 7 + seed) & 255,
    ),
  );

let server: FaultServer;
const folders: ModelFolder[] = [];
/** What was told, without how far the whole is; and that, apart. */
const progress: FolderEvent[] = [];
const whole: (readonly [loaded: number, total: number])[] = [];

async function serve(files: Record<string, Served>) {
  server = await serveFaults({ files });
  return server;
}

async function open(options: OpenFolderOptions = {}) {
  const folder = await openFolder(server.url, {
    chunkBytes: CHUNK,
    retryMs: 1,
    onProgress: note,
    ...options,
  });
  folders.push(folder);
  return folder;
}

/** Only a test of its own looks at the model's list of files. */
function note({ modelLoaded, modelTotal, ...event }: FolderProgress) {
  whole.push([modelLoaded, modelTotal]);
  if (event.path !== "phaseskip.json") progress.push(event);
}

const asked = () =>
  server.requests.filter((line) => !line.endsWith("phaseskip.json"));

async function readAll(folder: ModelFolder, path = PATH) {
  const file = await folder.file(path);
  return file && Buffer.from(await file.read(0, file.size));
}

const kinds = () => [...new Set(progress.map((event) => event.kind))];

beforeEach(() => {
  vi.stubGlobal("indexedDB", new IDBFactory());
  vi.stubGlobal("IDBKeyRange", IDBKeyRange);
  progress.length = 0;
  whole.length = 0;
});

afterEach(async () => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  await Promise.all(folders.splice(0).map((folder) => folder.close()));
  await server?.close();
});

describe("a folder over HTTP", () => {
  test("reads any range of a file, within one chunk and across several", async () => {
    const body = bytesOf(3500);
    await serve({ [PATH]: { body, etag: '"1"' } });
    const file = await (await open()).file(PATH);
    expect(file).toMatchObject({ path: PATH, size: 3500 });
    for (const [offset, length] of [
      [0, 3500],
      [0, 1000],
      [999, 2],
      [1000, 1000],
      [2999, 501],
      [3499, 1],
      [3500, 0],
      [500, 2600],
    ] as const) {
      expect(
        Buffer.from(await file!.read(offset, length)),
        `${offset} ${length}`,
      ).toEqual(body.subarray(offset, offset + length));
    }
    await expect(file!.read(3000, 501)).rejects.toThrow(RangeError);
    await expect(file!.read(-1, 1)).rejects.toThrow(RangeError);
  });

  test("reads only the chunks that a range touches, and neighbouring ranges once", async () => {
    await serve({ [PATH]: { body: bytesOf(5000), etag: '"1"' } });
    const file = await (await open()).file(PATH);
    const get = vi.spyOn(IDBObjectStore.prototype, "get");
    await Promise.all([file!.read(2100, 10), file!.read(2500, 10)]);
    await file!.read(2000, 1000);
    expect(get).toHaveBeenCalledTimes(1);
    await file!.read(2990, 20);
    expect(get).toHaveBeenCalledTimes(2);
  });

  test("holds empty files and files of exactly one chunk", async () => {
    await serve({
      empty: { body: "", etag: '"1"' },
      one: { body: bytesOf(CHUNK), etag: '"1"' },
    });
    for (let load = 0; load < 2; load++) {
      const folder = await open();
      expect(await readAll(folder, "empty")).toEqual(Buffer.alloc(0));
      expect(await readAll(folder, "one")).toEqual(bytesOf(CHUNK));
    }
    expect(
      server.requests.filter((line) => line.startsWith("GET")),
    ).toHaveLength(2);
  });

  test("tells the bytes that have come, from none to all", async () => {
    await serve({ [PATH]: { body: bytesOf(3 << 20), etag: '"1"' } });
    await (await open({ chunkBytes: 1 << 20 })).file(PATH);
    expect(progress[0]).toEqual({
      kind: "download",
      path: PATH,
      loaded: 0,
      total: 3 << 20,
    });
    expect(progress.at(-1)).toEqual({
      kind: "download",
      path: PATH,
      loaded: 3 << 20,
      total: 3 << 20,
    });
    expect(progress.length).toBeGreaterThan(3);
  });

  test("encodes names, keeps the query of its URL, and leaves that out of messages", async () => {
    await serve({
      "plans/50% & more?.json": { body: '{"a":1}', etag: '"1"' },
      bad: { body: "", status: 500 },
    });
    const folder = await openFolder(`${server.url.slice(0, -1)}?key=secret`, {
      chunkBytes: CHUNK,
    });
    folders.push(folder);
    expect(folder.location).toBe(server.url);
    expect(await folder.json("plans/50% & more?.json")).toEqual({ a: 1 });
    const error = await folder.file("bad").catch((reason: Error) => reason);
    expect(error).toMatchObject({
      code: "fetch-failed",
      message: containing(`${server.url}bad`),
    });
    expect((error as Error).message).not.toContain("secret");
  });

  test.each([
    "../x",
    "unet/../../x",
    "/etc/passwd",
    "a\\..\\b",
    "..%2fx",
    "%2e%2e/x",
    "a%5c..%5cb",
    "C:/x",
    "file:/x",
    "http://x/y",
    "a//b",
    "",
    "a\0b",
    "unet/%2e%2e/%2e%2e/x",
    "\ud800",
  ])("refuses the path %j", async (path) => {
    await serve({});
    await expect((await open()).file(path)).rejects.toMatchObject({
      code: "model-invalid",
    });
    expect(asked()).toEqual([]);
  });

  test("gives undefined for 404, and fetch-failed that names URL and status for others", async () => {
    await serve({
      bad: { body: "", status: 503 },
      secret: { body: "", status: 403 },
    });
    const folder = await open();
    expect(await folder.file(PATH)).toBeUndefined();
    expect(await folder.json("none.json")).toBeUndefined();
    await expect(folder.file("bad")).rejects.toMatchObject({
      code: "fetch-failed",
      message: matching(/model\/bad .*503 Service Unavailable/),
    });
    await expect(folder.file("secret")).rejects.toMatchObject({
      code: "fetch-failed",
    });
    expect(
      await folder.file("secret", undefined, { optional: true }),
    ).toBeUndefined();
  });

  test("says that a server does not answer, and why", async () => {
    await serve({});
    await server.close();
    await expect((await open()).file(PATH)).rejects.toMatchObject({
      code: "fetch-failed",
      message: containing("ECONNREFUSED"),
      cause: instanceOf(TypeError),
    });
  });

  test("says that a web page came instead of a model, and takes it as absence of an optional file", async () => {
    const page = "<!doctype html><title>shop</title>";
    await serve({
      typed: { body: page, type: "text/html; charset=utf-8", etag: '"1"' },
      untyped: { body: `\n ${page}`, etag: '"1"' },
      [PATH]: { body: "<svg/>", etag: '"1"' },
      "x.json": { body: "<shop/>", etag: '"1"' },
      lfs: {
        body: "version https://git-lfs.github.com/spec/v1\noid sha256:12\n",
        etag: '"1"',
      },
    });
    const folder = await open();
    for (const path of ["typed", "untyped", PATH, "x.json"]) {
      await expect(folder.file(path), path).rejects.toMatchObject({
        code: "model-invalid",
        message: containing("web page"),
      });
      expect(
        await folder.file(path, undefined, { optional: true }),
        path,
      ).toBeUndefined();
    }
    await expect(
      folder.file("lfs", undefined, { optional: true }),
    ).rejects.toThrow("git lfs pull");
    expect(await listModels()).toEqual([]);
  });

  test("json() names a file that is no JSON", async () => {
    await serve({
      "a.json": { body: '{"a":', etag: '"1"' },
      "b.json": { body: "\ufeff[1]", etag: '"1"' },
    });
    const folder = await open();
    await expect(folder.json("a.json")).rejects.toMatchObject({
      code: "model-invalid",
      message: containing(`${server.url}a.json`),
    });
    expect(await folder.json("b.json")).toEqual([1]);
  });

  test("fails with disposed after close()", async () => {
    await serve({ [PATH]: { body: bytesOf(10), etag: '"1"' } });
    const folder = await open();
    const file = await folder.file(PATH);
    await folder.close();
    await expect(file!.read(0, 1)).rejects.toMatchObject({ code: "disposed" });
    await expect(folder.file(PATH)).rejects.toMatchObject({ code: "disposed" });
  });
});

describe("the weight cache", () => {
  test.each<[string, Partial<Served>]>([
    ["a strong ETag", { etag: '"1"' }],
    ["a weak ETag", { etag: 'W/"1"' }],
    ["Last-Modified", { lastModified: "Wed, 21 Oct 2015 07:28:00 GMT" }],
    ["an ETag, compressed", { etag: '"1-gzip"', gzip: true }],
    [
      "Last-Modified, compressed",
      { lastModified: "Wed, 21 Oct 2015 07:28:00 GMT", gzip: true },
    ],
    ["an ETag, without HEAD", { etag: '"1"', noHead: true }],
  ])("gives the second load without fetching again: %s", async (_, how) => {
    const body = bytesOf(2500);
    await serve({ [PATH]: { body, ...how } });
    expect(await readAll(await open())).toEqual(body);
    progress.length = 0;
    server.requests.length = 0;
    const folder = await open();
    expect(await readAll(folder)).toEqual(body);
    if (!how.noHead) {
      expect(asked()).toEqual([`HEAD ${PATH}`]);
      expect(progress).toEqual([{ kind: "cached", path: PATH, size: 2500 }]);
    }
  });

  test("takes the hash of phaseskip.json as version where files have none", async () => {
    const body = bytesOf(2500);
    await serve({ [PATH]: { body }, "phaseskip.json": { body: "{}" } });
    await readAll(await open());
    server.requests.length = 0;
    expect(await readAll(await open())).toEqual(body);
    expect(asked()).toEqual([`HEAD ${PATH}`, "GET phaseskip.json"]);
    server.files.set("phaseskip.json", { body: '{"new":1}' });
    server.files.set(PATH, { body: bytesOf(2000, 9) });
    expect(await readAll(await open())).toEqual(bytesOf(2000, 9));
  });

  test("fetches anew what has no version at all, and says so", async () => {
    await serve({ [PATH]: { body: bytesOf(2500) } });
    await readAll(await open());
    server.files.set(PATH, { body: bytesOf(2500, 2) });
    expect(await readAll(await open())).toEqual(bytesOf(2500, 2));
    expect(kinds()).toContain("uncached");
    expect(await listModels()).toMatchObject([{ files: 1, bytes: 2500 }]);
  });

  test("fetches a changed version anew and drops the old one", async () => {
    await serve({ [PATH]: { body: bytesOf(5000), etag: '"1"' } });
    await readAll(await open());
    server.files.set(PATH, { body: bytesOf(1500, 2), etag: '"2"' });
    expect(await readAll(await open())).toEqual(bytesOf(1500, 2));
    expect(await storedKeys()).toHaveLength(1 + 2);
    expect(await listModels()).toMatchObject([
      { location: server.url, files: 1, bytes: 1500 },
    ]);
  });

  test("works offline after the first load, also for files that the model does not have", async () => {
    const body = bytesOf(2500);
    await serve({ [PATH]: { body, etag: '"1"' } });
    const first = await open();
    await first.file(PATH);
    expect(await first.file("vae_decoder/model.onnx")).toBeUndefined();
    await server.close();
    progress.length = 0;
    const offline = await open();
    expect(await readAll(offline)).toEqual(body);
    expect(await offline.file("vae_decoder/model.onnx")).toBeUndefined();
    await expect(offline.file("never-seen")).rejects.toMatchObject({
      code: "fetch-failed",
    });
    expect(progress).toEqual([
      { kind: "offline", path: PATH },
      { kind: "offline", path: "vae_decoder/model.onnx" },
    ]);
  });

  test("serves the cached file while the server is in trouble, but not once the file is gone", async () => {
    await serve({ [PATH]: { body: bytesOf(2500), etag: '"1"' } });
    await readAll(await open());
    server.files.get(PATH)!.status = 502;
    expect(await readAll(await open())).toEqual(bytesOf(2500));
    server.files.get(PATH)!.status = 401;
    await expect((await open()).file(PATH)).rejects.toThrow("401 Unauthorized");
    server.files.delete(PATH);
    expect(await (await open()).file(PATH)).toBeUndefined();
    expect(await listModels()).toEqual([]);
  });

  test.each<[string, Partial<Served>]>([
    ["a destroyed connection", { etag: '"1"', breakAfter: 1700 }],
    [
      "a destroyed connection, compressed",
      { etag: 'W/"1"', gzip: true, breakAfter: 300 },
    ],
    ["a destroyed connection without any version", { breakAfter: 1700 }],
  ])("never takes half a file for a whole one: %s", async (_, how) => {
    const body = bytesOf(2500);
    await serve({ [PATH]: { body, ...how } });
    await expect((await open()).file(PATH)).rejects.toMatchObject({
      code: "fetch-failed",
      message: containing("broke off"),
    });
    expect(await listModels()).toEqual([]);
    server.files.set(PATH, { body, ...how, breakAfter: 1e9 });
    expect(await readAll(await open())).toEqual(body);
  });

  test("resumes with Range under a strong ETag, within a load and in the next", async () => {
    const body = bytesOf(9500);
    await serve({
      [PATH]: { body, etag: '"1"', ranges: true, breakAfter: 2300 },
    });
    expect(await readAll(await open())).toEqual(body);
    expect(asked()).toEqual(
      ["", " bytes=2000-", " bytes=4000-", " bytes=6000-", " bytes=8000-"].map(
        (range) => `GET ${PATH}${range}`,
      ),
    );

    await deleteModel(server.url);
    server.requests.length = 0;
    Object.assign(server.files.get(PATH)!, { ranges: false });
    await expect((await open()).file(PATH)).rejects.toThrow("broke off");
    Object.assign(server.files.get(PATH)!, { ranges: true, breakAfter: 1e9 });
    expect(await readAll(await open())).toEqual(body);
    expect(asked().at(-1)).toBe(`GET ${PATH} bytes=2000-`);
  });

  test.each<[string, Partial<Served>]>([
    ["does not know Range", { ranges: false, etag: '"2"' }],
    ["has another version", { ranges: true, etag: '"2"' }],
    [
      "answers with a range of another version",
      { ranges: true, etag: '"1"', rangeEtag: '"2"' },
    ],
  ])("starts again where the server %s", async (_, how) => {
    await serve({
      [PATH]: { body: bytesOf(9500), etag: '"1"', breakAfter: 2300 },
    });
    await expect((await open()).file(PATH)).rejects.toThrow("broke off");
    server.files.set(PATH, { body: bytesOf(7500, 5), ...how });
    expect(await readAll(await open())).toEqual(bytesOf(7500, 5));
    expect(await storedKeys()).toHaveLength(1 + 8);
  });

  test("starts again where the file became shorter than what is there", async () => {
    await serve({
      [PATH]: { body: bytesOf(9500), etag: '"1"', breakAfter: 2300 },
    });
    await expect((await open()).file(PATH)).rejects.toThrow("broke off");
    server.files.set(PATH, {
      body: bytesOf(500, 5),
      etag: '"2"',
      ranges: true,
    });
    expect(await readAll(await open())).toEqual(bytesOf(500, 5));
  });

  test("rejects with the signal's reason and leaves nothing that looks whole", async () => {
    const body = bytesOf(2500);
    await serve({ [PATH]: { body, etag: '"1"', stallAfter: 1500 } });
    const controller = new AbortController();
    const reason = new Error("the visitor left");
    const folder = await open({
      onProgress: (event) => {
        if (event.kind === "download")
          setTimeout(() => controller.abort(reason), 50);
      },
    });
    await expect(folder.file(PATH, controller.signal)).rejects.toBe(reason);
    await expect(folder.file(PATH, controller.signal)).rejects.toBe(reason);
    await expect(open({ signal: controller.signal })).rejects.toBe(reason);
    expect(await listModels()).toEqual([]);
    delete server.files.get(PATH)!.stallAfter;
    expect(await readAll(folder)).toEqual(body);
  });

  test("fetches a file again of which a chunk is gone", async () => {
    const body = bytesOf(2500);
    await serve({ [PATH]: { body, etag: '"1"' } });
    const folder = await open();
    const file = await folder.file(PATH);
    await deleteChunk(1000);
    await file!.read(0, 10);
    await expect(file!.read(990, 20)).rejects.toMatchObject({
      code: "integrity",
    });
    expect(await readAll(folder)).toEqual(body);

    await deleteChunk(2000);
    expect(await readAll(await open())).toEqual(body);
  });

  test("runs from memory where there is no IndexedDB or it does not open, and says so", async () => {
    await serve({ [PATH]: { body: bytesOf(2500), etag: '"1"' } });
    vi.stubGlobal("indexedDB", undefined);
    expect(await readAll(await open())).toEqual(bytesOf(2500));
    expect(kinds()).toEqual(["uncached", "download"]);
    expect(await listModels()).toEqual([]);
    expect(await deleteModel(server.url)).toBe(0);

    const refusing = new IDBFactory();
    refusing.open = () => {
      throw new DOMException("private window", "SecurityError");
    };
    vi.stubGlobal("indexedDB", refusing);
    progress.length = 0;
    expect(await readAll(await open())).toEqual(bytesOf(2500));
    expect(kinds()).toEqual(["uncached", "download"]);
  });

  test("goes on in memory when the quota is exceeded in the middle of a file", async () => {
    const body = bytesOf(5500);
    await serve({ [PATH]: { body, etag: '"1"' } });
    const put: unknown = Reflect.get(IDBObjectStore.prototype, "put");
    let room = 2;
    vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(function (
      this: IDBObjectStore,
      ...args
    ) {
      if (room-- <= 0) throw new DOMException("no room", "QuotaExceededError");
      return Reflect.apply(
        put as () => unknown,
        this,
        args,
      ) as IDBRequest<IDBValidKey>;
    });
    expect(await readAll(await open())).toEqual(body);
    expect(progress).toContainEqual({
      kind: "uncached",
      path: PATH,
      reason: containing("no room"),
    });
    vi.restoreAllMocks();
    expect(await storedKeys()).toEqual([]);
    expect(asked()).toEqual([`GET ${PATH}`]);
  });

  test("keeps nothing with cache: false", async () => {
    await serve({ [PATH]: { body: bytesOf(2500), etag: '"1"' } });
    expect(await readAll(await open({ cache: false }))).toEqual(bytesOf(2500));
    expect(kinds()).toEqual(["download"]);
    expect(await storedKeys()).toEqual([]);
  });

  test("cuts files into chunks of the size that is asked for", async () => {
    await serve({ [PATH]: { body: bytesOf(2500), etag: '"1"' } });
    await readAll(await open({ chunkBytes: 700 }));
    expect(await storedKeys()).toHaveLength(1 + 4);
    server.files.get(PATH)!.etag = '"2"';
    await readAll(await open({ chunkBytes: 2500 }));
    expect(await storedKeys()).toHaveLength(1 + 1);
  });

  test("fetches a file once that is asked for twice at once", async () => {
    await serve({ [PATH]: { body: bytesOf(9500), etag: '"1"' } });
    const folder = await open();
    const files = await Promise.all([folder.file(PATH), folder.file(PATH)]);
    expect(files[0]).toBe(files[1]);
    expect(asked()).toEqual([`GET ${PATH}`]);

    server.files.set("b", { body: bytesOf(900), stallAfter: 10 });
    const controller = new AbortController();
    const first = folder.file("b", controller.signal);
    const second = folder.file("b");
    await vi.waitFor(() => expect(asked()).toContain("GET b"));
    server.files.set("b", { body: bytesOf(900), etag: '"1"' });
    controller.abort(new Error("not this one"));
    await expect(first).rejects.toThrow("not this one");
    expect(await second).toMatchObject({ size: 900 });
  });

  test("gives the same file to two folders that fetch it at once", async () => {
    const body = bytesOf(9500);
    await serve({ [PATH]: { body, etag: '"1"' } });
    const both = await Promise.all([open(), open()]);
    expect(await Promise.all(both.map((folder) => readAll(folder)))).toEqual([
      body,
      body,
    ]);
    expect(await storedKeys()).toHaveLength(1 + 10);
  });
});

describe("listModels() and deleteModel()", () => {
  test("tell and delete models apart, unfinished downloads included", async () => {
    await serve({
      [PATH]: { body: bytesOf(2500), etag: '"1"' },
      "model_index.json": { body: "{}", etag: '"2"' },
      "inner/unet/model.onnx": { body: bytesOf(700), etag: '"3"' },
      "unet/weights.bin": {
        body: bytesOf(2500),
        etag: '"4"',
        breakAfter: 1500,
      },
    });
    const outer = await open();
    await outer.file(PATH);
    await outer.json("model_index.json");
    await outer.file("none");
    await expect(outer.file("unet/weights.bin")).rejects.toThrow("broke off");
    const inner = await openFolder(`${server.url}inner`, { chunkBytes: CHUNK });
    folders.push(inner);
    const before = Date.now();
    await inner.file(PATH);

    expect(await listModels()).toEqual([
      {
        location: `${server.url}inner/`,
        files: 1,
        bytes: 700,
        usedAt: instanceOf(Date),
      },
      { location: server.url, files: 2, bytes: 2502, usedAt: instanceOf(Date) },
    ]);
    expect((await listModels())[0]!.usedAt.getTime()).toBeGreaterThanOrEqual(
      before,
    );
    expect(await deleteModel(server.url.slice(0, -1))).toBe(2502);
    expect(await listModels()).toMatchObject([
      { location: `${server.url}inner/` },
    ]);
    expect(await deleteModel(new URL(`${server.url}inner/`))).toBe(700);
    expect(await storedKeys()).toEqual([]);
    expect(await deleteModel(server.url)).toBe(0);
  });
});

async function objectStore(mode: IDBTransactionMode) {
  const database = await new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open("phaseskip-weights");
    request.onupgradeneeded = () => request.result.createObjectStore("files");
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(new Error("no database"));
  });
  return database.transaction("files", mode).objectStore("files");
}

async function storedKeys(): Promise<IDBValidKey[]> {
  const request = (await objectStore("readonly")).getAllKeys();
  const keys = await new Promise<IDBValidKey[]>(
    (resolve) => (request.onsuccess = () => resolve(request.result)),
  );
  return keys.filter(
    (key) => !Array.isArray(key) || key[2] !== "phaseskip.json",
  );
}

async function deleteChunk(offset: number): Promise<void> {
  const key = (await storedKeys()).find(
    (k) => Array.isArray(k) && k.at(-1) === offset,
  );
  const request = (await objectStore("readwrite")).delete(key!);
  return new Promise((resolve) => (request.onsuccess = () => resolve()));
}
