import { createHash } from "node:crypto";
import { describe, expect, test, vi } from "vitest";
import type { Served } from "../../../../e2e/fault-server.js";
import { isLoaded, parseManifest } from "../../src/store/model-manifest.js";
import { listModels } from "../../src/store/weight-cache.js";
import {
  asked,
  bytesOf,
  changeChunk,
  CHUNK,
  kinds,
  open,
  progress,
  readAll,
  serve,
  server,
  whole,
} from "../served-model.js";

// Typed: what expect gives is any.
const containing = (text: string): unknown => expect.stringContaining(text);

const digestOf = (bytes: Uint8Array) =>
  createHash("sha256").update(bytes).digest("hex");

/** phaseskip.json for these files, with chunks of the tests' size. */
function listFor(bodies: Readonly<Record<string, Buffer>>): Served {
  const files = Object.entries(bodies).map(([path, body]) => {
    const sha256 = [];
    for (let at = 0; at < body.length; at += CHUNK)
      sha256.push(digestOf(body.subarray(at, at + CHUNK)));
    return [path, { size: body.length, sha256 }];
  });
  const list = {
    format: "phaseskip-model",
    version: 1,
    files: Object.fromEntries(files) as object,
  };
  const body = JSON.stringify(list);
  return { body, etag: `"${digestOf(Buffer.from(body))}"` };
}

async function servePacked(
  bodies: Readonly<Record<string, Buffer>>,
  how: Partial<Served> = {},
) {
  const files = Object.entries(bodies).map(([path, body]) => [
    path,
    { body, ...how },
  ]);
  await serve({
    ...(Object.fromEntries(files) as Record<string, Served>),
    "phaseskip.json": listFor(bodies),
  });
}

describe("parseManifest()", () => {
  const digest = "0".repeat(64);
  const parse = (value: unknown) => parseManifest(value, "the list", CHUNK);
  const list = { format: "phaseskip-model", version: 1 };

  test("reads files, plans and licence", () => {
    const file = { size: 1001, sha256: [digest, digest] };
    const plans = ["balanced"];
    const manifest = parse({
      ...list,
      licence: "MIT",
      plans,
      files: { a: file },
    });
    expect(manifest).toEqual({
      licence: "MIT",
      plans,
      files: new Map([["a", file]]),
    });
    expect(parse(list)).toEqual({
      licence: undefined,
      plans: [],
      files: new Map(),
    });
  });

  test.each<[string, unknown]>([
    ["no JSON object", []],
    ["its format must be", { files: {} }],
    ["its format must be", { ...list, version: 2 }],
    ["its plans must be", { ...list, plans: [1] }],
    ["its files must be", { ...list, files: [] }],
    ["a must have", { ...list, files: { a: {} } }],
    ["a must have", { ...list, files: { a: { size: -1, sha256: [] } } }],
    ["a must have", { ...list, files: { a: { size: 1, sha256: [] } } }],
    ["a must have", { ...list, files: { a: { size: 1, sha256: ["0"] } } }],
  ])("throws model-invalid that says %s", (reason, value) => {
    let error: unknown;
    try {
      parse(value);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({
      code: "model-invalid",
      message: containing(reason),
    });
  });

  test("isLoaded() leaves out what is read when it is asked for", () => {
    const paths = [
      "model_index.json",
      "unet/model.onnx",
      "plans/balanced.json",
      "features/model.onnx",
      "vae_encoder/model.onnx",
      "phaseskip.json",
    ];
    expect(paths.filter(isLoaded)).toEqual(paths.slice(0, 2));
  });
});

describe("a model with phaseskip.json", () => {
  const first = bytesOf(2500);
  const second = bytesOf(1200, 3);

  test("asks for phaseskip.json alone where all files are in the cache, whatever headers they have", async () => {
    await servePacked({ a: first, b: second });
    const folder = await open();
    expect(await readAll(folder, "a")).toEqual(first);
    expect(await readAll(folder, "b")).toEqual(second);
    await folder.complete();
    server.requests.length = 0;
    const again = await open();
    expect(await readAll(again, "a")).toEqual(first);
    expect(await readAll(again, "b")).toEqual(second);
    expect(server.requests).toEqual(["HEAD phaseskip.json"]);
    await server.close();
    expect(await readAll(await open(), "b")).toEqual(second);
    expect(kinds()).not.toContain("uncached");
  });

  test("tells the bytes of the whole from the start on", async () => {
    await servePacked({ a: first, b: second, "plans/p.json": bytesOf(50) });
    const size = Buffer.from(server.files.get("phaseskip.json")!.body).length;
    const folder = await open();
    await folder.file("a");
    expect(whole.at(-1)).toEqual([2500 + size, 3700 + size]);
    await folder.file("b");
    await folder.complete();
    expect(whole.at(-1)).toEqual([3700 + size, 3700 + size]);
    const loaded = whole.map(([bytes]) => bytes);
    expect(loaded).toEqual([...loaded].sort((a, b) => a - b));
  });

  test("fetches a changed file alone, by its digest", async () => {
    await servePacked({ a: first, b: second }, { etag: '"the same always"' });
    const folder = await open();
    await folder.file("a");
    await folder.file("b");
    const changed = bytesOf(1200, 4);
    server.files.get("b")!.body = changed;
    server.files.set("phaseskip.json", listFor({ a: first, b: changed }));
    server.requests.length = 0;
    const again = await open();
    expect(await readAll(again, "a")).toEqual(first);
    expect(await readAll(again, "b")).toEqual(changed);
    expect(asked()).toEqual(["GET b"]);
  });

  test("resumes by the digests alone, where the server names no version", async () => {
    await servePacked({ a: first }, { ranges: true });
    server.fault("a", { breakAfter: 1700, times: 1 });
    expect(await readAll(await open(), "a")).toEqual(first);
    expect(asked()).toEqual(["GET a", "GET a bytes=1700-"]);
  });

  test("fetches wrong bytes again: that chunk, and what follows", async () => {
    await servePacked({ a: first }, { ranges: true });
    server.fault("a", { flipAt: 1100, times: 1 });
    expect(await readAll(await open(), "a")).toEqual(first);
    expect(asked()).toEqual(["GET a", "GET a bytes=1000-"]);
  });

  test("goes back to the chunk's start where what it resumed from was wrong", async () => {
    await servePacked({ a: first }, { ranges: true });
    server.fault("a", { flipAt: 1100, breakAfter: 1700, times: 1 });
    expect(await readAll(await open(), "a")).toEqual(first);
    expect(asked()).toEqual([
      "GET a",
      "GET a bytes=1700-",
      "GET a bytes=1000-",
    ]);
  });

  test.each<[string, Buffer]>([
    ["other bytes", bytesOf(2500, 9)],
    ["more bytes", bytesOf(2600)],
    ["fewer bytes", bytesOf(2400)],
  ])("throws integrity where the file has %s than listed", async (_, body) => {
    await servePacked({ a: first }, { ranges: true, etag: '"1"' });
    server.files.get("a")!.body = body;
    for (let load = 0; load < 2; load++) {
      await expect((await open()).file("a")).rejects.toMatchObject({
        code: "integrity",
        message: containing('run "phaseskip pack" again'),
      });
    }
    expect(await listModels()).toMatchObject([{ isWhole: false }]);
    server.files.get("a")!.body = first;
    expect(await readAll(await open(), "a")).toEqual(first);
  });

  test("refuses an answer that was cut short without a word", async () => {
    await servePacked({ a: first }, { ranges: true });
    server.fault("a", { truncateAfter: 1300, times: 1 });
    expect(await readAll(await open(), "a")).toEqual(first);
  });

  test("throws model-invalid where phaseskip.json is none", async () => {
    await serve({ "phaseskip.json": { body: "{}", etag: '"1"' } });
    await expect((await open()).file("a")).rejects.toMatchObject({
      code: "model-invalid",
    });
  });

  test("one caller who gives up does not keep the others from the list", async () => {
    await servePacked({ a: first });
    server.fault("phaseskip.json", { delayMs: 1e9, times: 1 });
    const controller = new AbortController();
    const folder = await open();
    const given = folder.file("b", controller.signal);
    const other = folder.file("a");
    await vi.waitFor(() => expect(server.requests).toHaveLength(1));
    controller.abort(new Error("not this one"));
    await expect(given).rejects.toThrow("not this one");
    expect(await other).toMatchObject({ size: 2500 });
  });

  test("outside a secure context: takes headers for the version, verifies nothing, and says so once", async () => {
    await servePacked({ a: first, b: second }, { etag: '"1"' });
    vi.stubGlobal("crypto", {});
    const folder = await open();
    await folder.file("a");
    await folder.file("b");
    expect(progress.filter(({ kind }) => kind === "insecure")).toHaveLength(1);
    await changeChunk(1000, (chunk) => new Uint8Array(chunk).fill(7).buffer);
    expect((await readAll(await open(), "a"))?.at(1000)).toBe(7);
    server.requests.length = 0;
    await (await open()).file("a");
    expect(asked()).toEqual(["HEAD a"]);
  });
});
