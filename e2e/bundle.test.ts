// Bundle ceilings: what each entry may weigh in an app, and what must not be inside.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { bundle } from "./bundle.js";

const prebuilt = "packages/phaseskip/dist/prebuilt/";
const gzipBytesOf = (path: string) =>
  gzipSync(readFileSync(path), { level: 9 }).length;

/** The parts of an app's bundle that match, where none should. */
const partsLike = async (
  text: string,
  pattern: RegExp,
  external: string[] = [],
) => (await bundle(text, external)).parts.filter((part) => pattern.test(part));

describe("bundle()", () => {
  test("sees what is inside", async () => {
    expect(await partsLike('export * from "comlink";', /comlink/)).not.toEqual(
      [],
    );
    expect(
      await partsLike('export * from "onnxruntime-web/wasm";', /onnxruntime/),
    ).not.toEqual([]);
  });
  test("sees imports that are left", async () => {
    expect(
      await partsLike('export * from "onnxruntime-web/wasm";', /onnxruntime/, [
        "onnxruntime-web",
      ]),
    ).not.toEqual([]);
  });
  test("weighs only what is used", async () => {
    const all = await bundle('export * from "comlink";');
    const one = await bundle('export { proxyMarker } from "comlink";');
    expect(one.gzipBytes).toBeLessThan(all.gzipBytes / 2);
  });
});

describe.each(["scheduler", "metrics"])("@phaseskip/%s, a leaf", (name) => {
  test("holds no ONNX Runtime, no Comlink, no code but its own", async () => {
    expect(
      await partsLike(
        `export * from "@phaseskip/${name}";`,
        new RegExp(`^(?!packages/${name}/|entry.js)`),
      ),
    ).toEqual([]);
  });
});

describe("the page's part", () => {
  test("weighs at most 6 kB", () => {
    expect(gzipBytesOf(`${prebuilt}phaseskip.js`)).toBeLessThanOrEqual(6_000);
  });
  test("weighs at most 6 kB in an app that bundles", async () => {
    expect(
      (await bundle('export * from "phaseskip";')).gzipBytes,
    ).toBeLessThanOrEqual(6_000);
  });
  test("holds no ONNX Runtime, protobuf, tokenizer, cache, graph or scheduler", async () => {
    const heavy =
      /onnxruntime|#ort|protobuf|tokenizers|idb-keyval|packages\/(graph|scheduler|metrics|cli)\//;
    const parts = await partsLike('export * from "phaseskip";', heavy);
    expect(
      parts.filter((part) => part !== "packages/graph/dist/errors.js"),
    ).toEqual([]);
  });
});

describe("the worker's part", () => {
  test("weighs at most 60 kB without ONNX Runtime", () => {
    expect(gzipBytesOf(`${prebuilt}phaseskip.worker.js`)).toBeLessThanOrEqual(
      60_000,
    );
  });
  test("leaves ONNX Runtime in files of its own, imported when their device is used", () => {
    const code = readFileSync(`${prebuilt}phaseskip.worker.js`, "utf8");
    expect(code).not.toMatch(/\bfrom\s*["'][^"']*ort\./);
    expect(code).toMatch(/import\(["']\.\/ort\.wasm\.bundle\.min\.mjs["']\)/);
    expect(code).toMatch(/import\(["']\.\/ort\.webgpu\.bundle\.min\.mjs["']\)/);
  });
  test("holds no metrics and no command", async () => {
    expect(
      await partsLike(
        'export * from "phaseskip/worker";',
        /packages\/(metrics|cli)\//,
        ["onnxruntime-*"],
      ),
    ).toEqual([]);
  });
});
