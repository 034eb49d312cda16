import { IDBFactory, IDBObjectStore } from "fake-indexeddb";
import { describe, expect, test, vi } from "vitest";
import type { Served } from "../../../../e2e/fault-server.js";
import { deleteModel, listModels } from "../../src/store/weight-cache.js";
import {
  asked,
  bytesOf,
  changeChunk,
  kinds,
  open,
  PATH,
  progress,
  readAll,
  serve,
  server,
  storedKeys,
} from "../served-model.js";

// Typed: what expect gives is any.
const containing = (text: string): unknown => expect.stringContaining(text);
const instanceOf = (type: unknown): unknown => expect.any(type);

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
    const list = '{"format":"phaseskip-model","version":1';
    await serve({ [PATH]: { body }, "phaseskip.json": { body: `${list}}` } });
    await readAll(await open());
    server.requests.length = 0;
    expect(await readAll(await open())).toEqual(body);
    expect(asked()).toEqual([`HEAD ${PATH}`]);
    server.files.set("phaseskip.json", { body: `${list},"plans":[]}` });
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
    await first.complete();
    expect(await listModels()).toMatchObject([{ isWhole: true }]);
    await server.close();
    progress.length = 0;
    const offline = await open();
    expect(await readAll(offline)).toEqual(body);
    expect(await offline.file("vae_decoder/model.onnx")).toBeUndefined();
    await offline.complete();
    await expect(offline.file("never-seen")).rejects.toMatchObject({
      code: "fetch-failed",
    });
    expect(progress).toEqual([
      { kind: "offline", path: PATH, size: 2500 },
      { kind: "offline", path: "vae_decoder/model.onnx", size: 0 },
      { kind: "complete" },
    ]);
  });

  test("asks a silent server once, and then takes the model as it was last seen", async () => {
    await serve({
      a: { body: bytesOf(100), etag: '"1"' },
      b: { body: bytesOf(200), etag: '"1"' },
    });
    const first = await open();
    await first.file("a");
    await first.file("b");
    await first.complete();
    for (const path of ["phaseskip.json", "a", "b"])
      server.fault(path, { delayMs: 1e9 });
    server.requests.length = 0;
    const second = await open({ stallMs: 200 });
    expect(await readAll(second, "a")).toEqual(bytesOf(100));
    expect(await readAll(second, "b")).toEqual(bytesOf(200));
    expect(asked().toSorted()).toEqual(["HEAD a", "HEAD b"]);
  });

  test("asks for all files of the last load at once, and each of them once", async () => {
    const names = ["a", "b", "c"];
    await serve(
      Object.fromEntries(
        names.map((name) => [name, { body: bytesOf(100), etag: '"1"' }]),
      ),
    );
    const first = await open();
    for (const name of names) await first.file(name);
    await first.complete();
    server.requests.length = 0;
    const second = await open();
    await second.file("b");
    await vi.waitFor(() => expect(asked()).toHaveLength(3));
    await second.file("a");
    await second.file("c");
    expect(asked().toSorted()).toEqual(names.map((name) => `HEAD ${name}`));
  });

  test("uses no two files together offline that were never seen together", async () => {
    await serve({
      a: { body: bytesOf(100), etag: '"1"' },
      b: { body: bytesOf(200), etag: '"1"' },
    });
    const first = await open();
    await first.file("a");
    await first.file("b");
    await first.complete();
    server.files.set("a", { body: bytesOf(100, 2), etag: '"2"' });
    server.files.set("b", { body: bytesOf(200, 2), etag: '"2"' });
    const broken = await open();
    expect(await readAll(broken, "a")).toEqual(bytesOf(100, 2));
    expect(await listModels()).toMatchObject([{ isWhole: false }]);
    // the tab is closed here; without a network the rest is of the old version
    await server.close();
    await expect((await open()).file("a")).rejects.toMatchObject({
      code: "fetch-failed",
      message: containing("only part of the model is in the cache"),
    });
    expect(await readAll(await open(), "b")).toEqual(bytesOf(200));
  });

  test("complete() refuses files of two moments", async () => {
    await serve({
      a: { body: bytesOf(100), etag: '"1"' },
      b: { body: bytesOf(200), etag: '"1"' },
    });
    const folder = await open();
    await folder.file("a");
    server.files.set("a", { body: bytesOf(100, 2), etag: '"2"' });
    await folder.file("b");
    await expect(folder.complete()).rejects.toMatchObject({
      code: "integrity",
      message: containing("a changed on the server while it was loaded"),
    });
    const again = await open();
    expect(await readAll(again, "a")).toEqual(bytesOf(100, 2));
    await again.file("b");
    await again.complete();
  });

  test("serves the cached file while the server is in trouble, but not once the file is gone", async () => {
    await serve({ [PATH]: { body: bytesOf(2500), etag: '"1"' } });
    const first = await open();
    await first.file(PATH);
    await first.complete();
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
    expect((await listModels()).map(({ files }) => files)).not.toContain(1);
    server.files.set(PATH, { body, ...how, breakAfter: 1e9 });
    expect(await readAll(await open())).toEqual(body);
  });

  test("resumes with Range under a strong ETag where it broke off, within a load and in the next", async () => {
    const body = bytesOf(9500);
    await serve({
      [PATH]: { body, etag: '"1"', ranges: true, breakAfter: 2300 },
    });
    expect(await readAll(await open())).toEqual(body);
    expect(asked()).toEqual(
      ["", " bytes=2300-", " bytes=4600-", " bytes=6900-", " bytes=9200-"].map(
        (range) => `GET ${PATH}${range}`,
      ),
    );

    await deleteModel(server.url);
    server.requests.length = 0;
    Object.assign(server.files.get(PATH)!, { ranges: false });
    await expect((await open()).file(PATH)).rejects.toThrow("broke off");
    Object.assign(server.files.get(PATH)!, { ranges: true, breakAfter: 1e9 });
    expect(await readAll(await open())).toEqual(body);
    expect(asked().at(-1)).toBe(`GET ${PATH} bytes=2300-`);
  });

  test("goes on with answers that hold less than was asked for", async () => {
    const body = bytesOf(9500);
    await serve({
      [PATH]: {
        body,
        etag: '"1"',
        ranges: true,
        breakAfter: 1500,
        rangeBytes: 2500,
      },
    });
    server.files.get(PATH)!.rangeBytes = 1200;
    expect(await readAll(await open())).toEqual(body);
    expect(asked().length).toBeGreaterThan(7);
  });

  test("asks again a server that went silent, and gives up one that stays so", async () => {
    const body = bytesOf(2500);
    await serve({
      [PATH]: { body, etag: '"1"', ranges: true },
    });
    server.fault(PATH, { stallAfter: 1700, times: 1 });
    expect(await readAll(await open({ stallMs: 100 }))).toEqual(body);
    expect(asked()).toEqual([`GET ${PATH}`, `GET ${PATH} bytes=1700-`]);

    server.files.set("b", { body, etag: '"1"', stallAfter: 0 });
    await expect((await open({ stallMs: 50 })).file("b")).rejects.toMatchObject(
      {
        code: "fetch-failed",
        message: containing("sent nothing for 0.05 s"),
      },
    );
    expect(await listModels()).toMatchObject([{ files: 1 }]);
  });

  test("asks a server in trouble again before it gives up", async () => {
    await serve({ [PATH]: { body: bytesOf(2500), etag: '"1"' } });
    server.fault(PATH, { status: 503, times: 2 });
    expect(await readAll(await open())).toEqual(bytesOf(2500));
    expect(asked()).toHaveLength(3);
  });

  test("drops what it cannot go on with", async () => {
    const body = bytesOf(5000);
    await serve({ [PATH]: { body, etag: '"1"', breakAfter: 2300 } });
    await expect((await open()).file(PATH)).rejects.toThrow("broke off");
    // every answer to Range breaks off before its first byte
    server.files.set(PATH, { body, etag: '"1"', ranges: true });
    server.fault(PATH, { onlyRanges: true, breakAfter: 0 });
    expect(await readAll(await open())).toEqual(body);
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
    expect(await listModels()).toMatchObject([
      { files: 0, unfinishedFiles: 1 },
    ]);
    delete server.files.get(PATH)!.stallAfter;
    expect(await readAll(folder)).toEqual(body);
  });

  test.each<[string, (chunk: ArrayBuffer) => unknown]>([
    ["gone", () => undefined],
    ["cut short", (chunk) => chunk.slice(1)],
    ["no bytes at all", () => "?"],
    [
      "with a bit flipped",
      (chunk) =>
        Uint8Array.from(new Uint8Array(chunk), (b, i) => b ^ +!i).buffer,
    ],
  ])("mends a chunk that is %s, and fetches no other", async (_, damage) => {
    const body = bytesOf(2500);
    await serve({ [PATH]: { body, etag: '"1"', ranges: true } });
    const first = await open();
    const file = await first.file(PATH);
    await changeChunk(1000, damage);
    server.requests.length = 0;
    expect(await file!.read(0, 10)).toHaveLength(10);
    expect(asked()).toEqual([]);
    expect(Buffer.from(await file!.read(990, 20))).toEqual(
      body.subarray(990, 1010),
    );
    expect(asked()).toEqual([`GET ${PATH} bytes=1000-1999`]);
    expect(progress.at(-1)).toEqual({ kind: "mended", path: PATH });

    server.requests.length = 0;
    expect(await readAll(await open())).toEqual(body);
    expect(asked()).toEqual([`HEAD ${PATH}`]);

    // a server without Range sends all; only the chunk is taken
    server.files.get(PATH)!.ranges = false;
    await changeChunk(2000, damage);
    expect(await readAll(await open())).toEqual(body);
  });

  test("says so where a damaged chunk cannot be had any more, and never hands it out", async () => {
    await serve({ [PATH]: { body: bytesOf(2500), etag: '"1"' } });
    const file = await (await open()).file(PATH);
    await changeChunk(1000, (chunk) => new Uint8Array(chunk).fill(0).buffer);
    server.files.set(PATH, { body: bytesOf(2500, 2), etag: '"2"' });
    await expect(file!.read(1000, 1)).rejects.toMatchObject({
      code: "integrity",
      message: containing("another version"),
    });
    expect(await readAll(await open())).toEqual(bytesOf(2500, 2));
    await changeChunk(1000, () => undefined);
    const late = await (await open()).file(PATH);
    await server.close();
    await expect(late!.read(1000, 1)).rejects.toMatchObject({
      code: "integrity",
      message: containing("cannot be fetched"),
    });
  });

  test("runs from memory where there is no IndexedDB or it does not open, and says so", async () => {
    await serve({ [PATH]: { body: bytesOf(2500), etag: '"1"' } });
    vi.stubGlobal("indexedDB", undefined);
    const first = await open();
    expect(await readAll(first)).toEqual(bytesOf(2500));
    expect(kinds()).toEqual(["uncached", "download"]);
    progress.length = 0;
    const second = await open();
    expect(await readAll(second)).toEqual(bytesOf(2500));
    expect(kinds()).toEqual(["uncached", "cached"]); // what the first still holds
    await Promise.all([first.close(), second.close()]);
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

  test("asks for lasting storage once where it is full, then deletes what was used least recently", async () => {
    const body = bytesOf(2500);
    await serve({
      [PATH]: { body, etag: '"1"' },
      "old/a": { body: bytesOf(900), etag: '"1"' },
      "older/a": { body: bytesOf(900), etag: '"1"' },
    });
    for (const name of ["older/", "old/"]) {
      const folder = await open({}, server.url + name);
      await folder.file("a");
      await folder.complete();
      await folder.close();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const put: unknown = Reflect.get(IDBObjectStore.prototype, "put");
    let room = 1;
    vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(function (
      this: IDBObjectStore,
      ...args
    ) {
      const isChunk = args[0] instanceof ArrayBuffer;
      if (isChunk && room-- <= 0)
        throw new DOMException("no room", "QuotaExceededError");
      return Reflect.apply(
        put as () => unknown,
        this,
        args,
      ) as IDBRequest<IDBValidKey>;
    });
    const asking = vi.fn(async () => {
      room = 1;
      return true;
    });
    const folder = await open({
      persist: asking,
      onProgress: (event) => {
        progress.push(event);
        if (event.kind === "evicted") room = 9;
      },
    });
    expect(await readAll(folder)).toEqual(body);
    expect(asking).toHaveBeenCalledTimes(1);
    expect(kinds()).not.toContain("uncached");
    expect(progress).toContainEqual(
      expect.objectContaining({
        kind: "evicted",
        evicted: `${server.url}older/`,
      }),
    );
    expect((await listModels()).map(({ location }) => location)).toEqual([
      server.url,
      `${server.url}old/`,
    ]);
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
    const inner = await open({}, `${server.url}inner`);
    const before = Date.now();
    await inner.file(PATH);

    expect(await listModels()).toEqual([
      {
        location: `${server.url}inner/`,
        files: 1,
        bytes: 700,
        unfinishedFiles: 0,
        isWhole: false,
        usedAt: instanceOf(Date),
      },
      {
        location: server.url,
        files: 2,
        bytes: 2502,
        unfinishedFiles: 1,
        isWhole: false,
        usedAt: instanceOf(Date),
      },
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
