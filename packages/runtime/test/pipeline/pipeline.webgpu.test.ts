// Pipelines on a WebGPU adapter, against the same run on WASM.
import { expect, test } from "vitest";
import { loadPipeline } from "../../src/index.js";
import type { Plan } from "../../src/index.js";
import { fewSteps, relativeError } from "./pipeline-cases.js";

const worker = () =>
  new Worker(new URL("../wire/pipeline-worker.ts", import.meta.url), {
    type: "module",
  });

const deepCache: Plan = {
  format: "phaseskip-plan",
  version: 1,
  name: "deep-cache",
  phases: [],
  rules: [{ units: ["up_blocks.1"], action: "reuse", refresh: { every: 2 } }],
};

/** Needs every small model between segments: combinations of one and more values, the filter, and a probe's change. */
const everyKernel: Plan = {
  format: "phaseskip-plan",
  version: 1,
  name: "every-kernel",
  phases: [],
  rules: [
    {
      units: ["**.attn2"],
      action: "reuse",
      value: "mean",
      refresh: { every: 3 },
    },
    {
      units: ["mid_block"],
      action: "reuse",
      value: "residual",
      refresh: { every: 2 },
    },
    {
      units: ["up_blocks.*.resnets.0.skip"],
      action: "scale",
      factor: 0.5,
      lowPass: 2,
      channels: [0, 0.5],
    },
    {
      units: ["up_blocks.0"],
      action: "extrapolate",
      order: 1,
      refresh: { at: [0, 1, 3] },
    },
    {
      units: ["up_blocks.1"],
      action: "adaptive",
      probe: "down_blocks.0",
      threshold: 1e6,
      maxConsecutive: 1,
    },
  ],
};

test("a tiny Unet draws on WebGPU what it draws on WASM, whole and under plans", async ({
  skip,
}) => {
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
    for (const plan of ["none", deepCache, everyKernel]) {
      const wanted = await onWasm.generate({ ...fewSteps, plan });
      const drawn = await onGpu.generate({ ...fewSteps, plan });
      expect(drawn.report.device).toBe("webgpu");
      expect(drawn.report.macs).toBe(wanted.report.macs);
      expect(relativeError(drawn.sample, wanted.sample)).toBeLessThan(1e-3);
      const [found, right] = [drawn, wanted].map(({ report }) =>
        report.decisions?.map(({ reuse }) => reuse),
      );
      expect(found).toEqual(right);
    }
  } finally {
    onWasm.dispose();
    onGpu.dispose();
  }
});
