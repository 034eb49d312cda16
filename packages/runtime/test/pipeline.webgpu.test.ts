// Pipelines on a WebGPU adapter, against the same run on WASM.
import { expect, test } from "vitest";
import { loadPipeline } from "../src/index.js";
import type { Plan } from "../src/index.js";
import { fewSteps, relativeError } from "./pipeline-cases.js";

const worker = () =>
  new Worker(new URL("./pipeline-worker.ts", import.meta.url), {
    type: "module",
  });

const deepCache: Plan = {
  format: "phaseskip-plan",
  version: 1,
  name: "deep-cache",
  phases: [],
  rules: [{ units: ["up_blocks.1"], action: "reuse", refresh: { every: 2 } }],
};

test(
  "a tiny Unet draws on WebGPU what it draws on WASM, whole and under a plan",
  { timeout: 120_000 },
  async ({ skip }) => {
    const adapter = await navigator.gpu?.requestAdapter();
    skip(!adapter, "this browser gives no WebGPU adapter");
    const onWasm = await loadPipeline("/models/tiny-text-ts/", {
      worker,
      device: "wasm",
    });
    const onGpu = await loadPipeline("/models/tiny-text-ts/", {
      worker,
      device: "webgpu",
    });
    try {
      for (const plan of ["none", deepCache]) {
        const wanted = await onWasm.generate({ ...fewSteps, plan });
        const drawn = await onGpu.generate({ ...fewSteps, plan });
        expect(drawn.report.device).toBe("webgpu");
        expect(drawn.report.macs).toBe(wanted.report.macs);
        expect(relativeError(drawn.sample, wanted.sample)).toBeLessThan(1e-3);
      }
    } finally {
      onWasm.dispose();
      onGpu.dispose();
    }
  },
);
