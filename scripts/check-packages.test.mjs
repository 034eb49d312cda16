import { describe, expect, test } from "vitest";
import { breaksOf, importsOf, manifestBreaks } from "./check-packages.mjs";

const runtime = {
  dependencies: {
    comlink: "4",
    "onnxruntime-web": "1.0.0",
    "@phaseskip/graph": "0",
  },
};

describe("importsOf()", () => {
  test("finds static, re-exporting, dynamic and type imports", () => {
    const text = `import { a } from "a"; import type { b } from "b"; export * from "c";
      export type { d } from "d"; const e = import("e"); let f: import("f").F; // import "g"`;
    expect(importsOf(text)).toEqual([
      { specifier: "a", typeOnly: false },
      { specifier: "b", typeOnly: true },
      { specifier: "c", typeOnly: false },
      { specifier: "d", typeOnly: true },
      { specifier: "e", typeOnly: false },
      { specifier: "f", typeOnly: true },
    ]);
  });
});

describe("breaksOf()", () => {
  test.each([
    [
      "scheduler/src/x.ts",
      'import "onnxruntime-web";',
      "may not import onnxruntime-web",
    ],
    [
      "metrics/src/x.ts",
      'const c = await import("comlink");',
      "may not import comlink",
    ],
    [
      "runtime/src/executor.ts",
      'import type { Tensor } from "onnxruntime-web/webgpu";',
      "may not import onnxruntime-web/webgpu",
    ],
    [
      "runtime/src/executor.ts",
      'import "#ort-wasm";',
      "may not import #ort-wasm",
    ],
    ["runtime/src/executor.ts", 'import "comlink";', "may not import comlink"],
    ["graph/src/x.ts", 'import "node:fs";', "also runs in a browser"],
    [
      "graph/src/x.ts",
      'import "@phaseskip/runtime";',
      "graph may not import @phaseskip/runtime",
    ],
    ["runtime/src/x.ts", 'import "idb-keyval";', "not among the dependencies"],
    [
      "ablation/src/x.ts",
      'import { loadPipeline } from "@phaseskip/runtime";',
      "ablation may not import",
    ],
    ["graph/src/utils.ts", "", "named after what it exports"],
    [
      "runtime/src/plan/plan.ts",
      'import type { Device } from "../device/session.js";',
      "plan/ may not know ../device/session.js",
    ],
    [
      "runtime/src/store/chunk-store.ts",
      'await import("../pipeline/run.js");',
      "store/ may not know ../pipeline/run.js",
    ],
    [
      "runtime/src/unet/executor.ts",
      'import type { Pipeline } from "../pipeline.js";',
      "unet/ may not know ../pipeline.js",
    ],
    [
      "runtime/src/attic/x.ts",
      'import "./y.js";',
      "attic/ is not in the table of rooms",
    ],
  ])("%s with %s is a break", (path, text, expected) => {
    expect(breaksOf(path, text, runtime).join("\n")).toContain(expected);
  });

  test.each([
    [
      "runtime/src/device/session.ts",
      'import "#ort-wasm"; import type * as ort from "onnxruntime-web";',
    ],
    ["runtime/src/wire/client.ts", 'import { wrap } from "comlink";'],
    [
      "runtime/src/node-worker.ts",
      'import { parentPort } from "node:worker_threads";',
    ],
    [
      "runtime/src/x.ts",
      'import { graph } from "@phaseskip/graph"; import "./y.js";',
    ],
    [
      "runtime/src/wire/client.ts",
      'import { abortable } from "./abortable.js"; import type { Pipeline } from "../pipeline.js"; import { Loss } from "../device/loss.js";',
    ],
  ])("%s with %s is none", (path, text) => {
    expect(breaksOf(path, text, runtime)).toEqual([]);
  });
});

describe("manifestBreaks()", () => {
  test("a leaf has no dependencies", () => {
    expect(
      manifestBreaks("scheduler", {
        dependencies: { "onnxruntime-web": "1.30.0" },
      }),
    ).toHaveLength(1);
  });
  test("native binaries come as an optional peer only", () => {
    const peer = { peerDependencies: { "onnxruntime-node": "1" } };
    expect(
      manifestBreaks("cli", { dependencies: { "onnxruntime-node": "1" } }),
    ).toHaveLength(1);
    expect(manifestBreaks("cli", peer)).toHaveLength(1);
    expect(
      manifestBreaks("cli", {
        ...peer,
        peerDependenciesMeta: { "onnxruntime-node": { optional: true } },
      }),
    ).toEqual([]);
  });
  test("ONNX Runtime's version is exact", () => {
    expect(
      manifestBreaks("runtime", {
        dependencies: { "onnxruntime-web": "^1.30.0" },
      }),
    ).toHaveLength(1);
  });
});
