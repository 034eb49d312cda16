// Bundle ceilings: what each entry may weigh in an app, and what must not be inside.
import { readFileSync, readdirSync } from "node:fs";
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

/** What each part may weigh after gzip, in bytes. The parts grow by these numbers alone. */
const ceilings = {
  page: 6_000, // what an app pays that loads a pipeline, Comlink included
  wholePage: 8_000, // everything the page's entry offers: also the plan parser and the cache's management
  workerOwn: 60_000, // our own code, of three packages
  worker: 60_000, // the file that every model needs, with protobuf, Comlink and idb-keyval
  tokenizer: 12_000, // the file that models need which read a text, with the tokenizer library
};

describe("the page's part", () => {
  const heavy =
    /onnxruntime|#ort|pbf|tokenizers|packages\/(graph\/dist\/(?!errors|index)|scheduler|metrics|cli)/;

  test("weighs at most 6 kB in an app that loads a pipeline", async () => {
    const text = 'export { loadPipeline, PhaseskipError } from "phaseskip";';
    expect((await bundle(text)).gzipBytes).toBeLessThanOrEqual(ceilings.page);
    expect(await partsLike(text, /idb-keyval|parse-plan/)).toEqual([]);
  });
  test("weighs little more with everything that its entry offers", async () => {
    expect(
      (await bundle('export * from "phaseskip";')).gzipBytes,
    ).toBeLessThanOrEqual(ceilings.wholePage);
    expect(gzipBytesOf(`${prebuilt}phaseskip.js`)).toBeLessThanOrEqual(
      ceilings.wholePage,
    );
  });
  test("holds no ONNX Runtime, protobuf, tokenizer, graph or scheduler", async () => {
    expect(await partsLike('export * from "phaseskip";', heavy)).toEqual([]);
  });
});

describe("the worker's part", () => {
  const libraries = [
    "pbf",
    "@huggingface/*",
    "comlink",
    "comlink/*",
    "idb-keyval",
  ];

  test("weighs at most 60 kB without ONNX Runtime and other libraries", async () => {
    const own = await bundle('export * from "phaseskip/worker";', [
      "#ort-*",
      ...libraries,
    ]);
    expect(own.parts.filter((part) => part.includes("node_modules/"))).toEqual(
      [],
    );
    expect(own.gzipBytes).toBeLessThanOrEqual(ceilings.workerOwn);
  });
  test("weighs at most 60 kB with its libraries in the file that every model needs", () => {
    expect(gzipBytesOf(`${prebuilt}phaseskip.worker.js`)).toBeLessThanOrEqual(
      ceilings.worker,
    );
  });
  test("weighs at most 12 kB more for a model that reads a text", () => {
    expect(
      gzipBytesOf(`${prebuilt}phaseskip.create-tokenizer.js`),
    ).toBeLessThanOrEqual(ceilings.tokenizer);
  });
  test("consists of the file that every model needs, and files that import no other", () => {
    const files = readdirSync(prebuilt).filter((file) => /\.js$/.test(file));
    const lazy = ["phaseskip.create-tokenizer.js"];
    expect(files.sort()).toEqual(
      [...lazy, "phaseskip.js", "phaseskip.worker.js"].sort(),
    );
    // an import of the worker's file under another address, such as one with ?v=2, would run it a second time
    for (const file of lazy)
      expect(readFileSync(prebuilt + file, "utf8")).not.toMatch(
        /\bfrom\s*["']/,
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
        ["#ort-*"],
      ),
    ).toEqual([]);
  });
  test("asks an app's bundler for no native runtime", async () => {
    expect(
      await partsLike('export * from "phaseskip/worker";', /onnxruntime-node/),
    ).toEqual([]);
  });
});
