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
  element: 4_000, // <phaseskip-image>, before the first of a page draws and fetches what `page` weighs
  worker: 67_000, // what every model needs at once, with protobuf, Comlink and idb-keyval; the goal is 60,000, missed
  run: 15_800, // what every run needs: the samplers, and the check of what it is asked for
  text: 15_500, // what models need that read a text, with the tokenizer library
  vae: 2_000, // what latent models need, tiles included
  plan: 14_500, // what a run under a plan needs
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

describe("<phaseskip-image>", () => {
  const files = readdirSync(prebuilt).filter((file) => /\.js$/.test(file));

  test("weighs at most 4 kB before it draws, and at most 6 kB more then", () => {
    const later = files.find((file) =>
      /^phaseskip\.load-pipeline-/.test(file),
    )!;
    expect(gzipBytesOf(`${prebuilt}phaseskip.element.js`)).toBeLessThanOrEqual(
      ceilings.element,
    );
    expect(gzipBytesOf(prebuilt + later)).toBeLessThanOrEqual(ceilings.page);
  });
  test("runs once, whatever the address that its page gives it: no file imports the entry", () => {
    for (const file of files)
      expect(readFileSync(prebuilt + file, "utf8")).not.toContain(
        "/phaseskip.element.js",
      );
  });
});

describe("the worker's part", () => {
  const files = readdirSync(prebuilt).filter((file) => /\.js$/.test(file));
  /** The file with a part, by the name of the part. */
  const fileOf = (part: string) =>
    prebuilt + files.find((file) => file.startsWith(`phaseskip.${part}-`));
  const weigh = (...parts: string[]) =>
    parts.reduce((sum, part) => sum + gzipBytesOf(fileOf(part)), 0);

  test("weighs at most 67 kB in what every model needs at once, with its libraries, without ONNX Runtime", () => {
    const entry = gzipBytesOf(`${prebuilt}phaseskip.worker.js`);
    expect(entry + weigh("core", "model-index")).toBeLessThanOrEqual(
      ceilings.worker,
    );
  });
  test("weighs little more in what some need, when they need it", () => {
    expect(
      weigh("make-scheduler", "load-scheduler", "request"),
    ).toBeLessThanOrEqual(ceilings.run);
    expect(weigh("text-encoders", "create-tokenizer")).toBeLessThanOrEqual(
      ceilings.text,
    );
    expect(weigh("vae")).toBeLessThanOrEqual(ceilings.vae);
    expect(weigh("parse-plan", "schedule", "kernels")).toBeLessThanOrEqual(
      ceilings.plan,
    );
  });
  test("runs once, whatever the address that its page gives it: no file imports the entry", () => {
    for (const file of files)
      expect(readFileSync(prebuilt + file, "utf8")).not.toContain(
        "/phaseskip.worker.js",
      );
  });
  test("leaves ONNX Runtime in files of its own, imported when their device is used", () => {
    const code = readFileSync(fileOf("core"), "utf8");
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
