import { expect, test } from "vitest";
import { runOrt } from "./run-ort.js";

test("ONNX Runtime's WebGPU provider computes in a worker", async ({
  skip,
}) => {
  const adapter = await navigator.gpu?.requestAdapter();
  skip(!adapter, "this browser gives no WebGPU adapter");
  expect(
    await runOrt({ device: "webgpu", numThreads: 1, x: [1, -2, 0.5] }),
  ).toEqual({ y: [3, -6, 1.5], numThreads: 1 });
});
