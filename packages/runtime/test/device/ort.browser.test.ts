// The ground that browser tests stand on: ONNX Runtime's WASM in a worker, with and without threads.
import { expect, inject, test } from "vitest";
import { runOrt } from "./run-ort.js";

test("ONNX Runtime's WASM computes in a worker on one thread", async () => {
  expect(
    await runOrt({ device: "wasm", numThreads: 1, x: [1, -2, 0.5] }),
  ).toEqual({ y: [3, -6, 1.5], numThreads: 1 });
});

test("the page is isolated exactly where the project says so", () => {
  expect(crossOriginIsolated).toBe(inject("isolated"));
});

test("ONNX Runtime's WASM uses two threads where the page is isolated, and one where it is not", async () => {
  const reply = await runOrt({
    device: "wasm",
    numThreads: 2,
    x: [1, -2, 0.5],
  });
  expect(reply).toEqual({
    y: [3, -6, 1.5],
    numThreads: crossOriginIsolated ? 2 : 1,
  });
});

test("a file that is missing on the test server is a 404", async () => {
  expect((await fetch("/models/none/model_index.json")).status).toBe(404);
});
