import { IDBObjectStore } from "fake-indexeddb";
import { describe, expect, test, vi } from "vitest";
import { listModels } from "../../src/store/weight-cache.js";
import {
  asked,
  bytesOf,
  CHUNK,
  open,
  PATH,
  progress,
  readAll,
  serve,
  server,
} from "../served-model.js";

// Typed: what expect gives is any.
const containing = (text: string): unknown => expect.stringContaining(text);
const matching = (pattern: RegExp): unknown => expect.stringMatching(pattern);
const instanceOf = (type: unknown): unknown => expect.any(type);

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
    /** How often a chunk was read; each transaction asks for the cache's format, too. */
    const chunksRead = () =>
      get.mock.calls.filter(([key]) => JSON.stringify(key) !== '["format"]')
        .length;
    await Promise.all([file!.read(2100, 10), file!.read(2500, 10)]);
    await file!.read(2000, 1000);
    expect(chunksRead()).toBe(1);
    await file!.read(2990, 20);
    expect(chunksRead()).toBe(2);
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
    expect(asked().filter((line) => line.startsWith("GET"))).toHaveLength(2);
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
    const folder = await open({}, `${server.url.slice(0, -1)}?key=secret`);
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
