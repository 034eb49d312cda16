import { expect, test } from "vitest";
import {
  reportCsv,
  reportData,
  type CellEffect,
  type CellRow,
  type SweepManifest,
} from "@phaseskip/ablation";

const pairs = [0, 1, 2, 3].map((seed) => ({ prompt: 0, seed }));
const manifest: SweepManifest = {
  format: "phaseskip-sweep",
  version: 1,
  settings: {
    ...{ scheduler: "ddim", numInferenceSteps: 2, guidanceScale: 1 },
    ...{ units: ["*"], bins: 1, windows: ["single"], actions: ["removal"] },
    ...{ prompts: null, seeds: 4, seed: 0, directions: 2, converged: 1000 },
    floorBackend: null,
  },
  identity: { model: "m", planLanguage: "p", onnxRuntime: "o" },
  ...{ timesteps: [500, 0], logSnr: [0, 9], pairs },
  measured: [{ unit: "mid_block", kind: "block" }],
  ...{ rows: [], shard: { index: 0, count: 1 }, cpu: "" },
};

const row = (effect: Partial<CellEffect>): CellRow => ({
  ...{ cell: "mid_block/single:000-002/zeroResidual", unit: "mid_block" },
  ...{ units: ["mid_block"], family: "removal", action: "zeroResidual" },
  refresh: null,
  window: {
    ...{ kind: "single", bin: 0, firstStep: 0, endStep: 2 },
    ...{ from: 1000, to: 0 },
  },
  macs: { full: 100, saved: 10 },
  effects: pairs.map((_, pair) => ({
    ...{ pair, local: 0.1, ssim: 0.9, relativeL2: 0.1, clippedShare: 0 },
    toConverged: { ssim: 0.8 + 0.01 * pair, relativeL2: 0.1 },
    normalised: { ssimLoss: 1, relativeL2: 1 },
    ...effect,
  })),
});

const summary = (effect: Partial<CellEffect>, agreement: number) => {
  const data = reportData({
    ...{ manifest, cells: [row(effect)], responses: [], floors: [] },
    converged: pairs.map((_, pair) => ({
      ...{ converged: `converged/${pair}`, pair, agreement },
      ...{ ssim: 0.7, relativeL2: 0.2 },
    })),
  });
  return { data, cell: data.actions[0]!.cells[0]! };
};

test("reportData() finds a part whose absence brings pictures nearer to the converged path", () => {
  const { cell, data } = summary({}, 0.995);
  expect(cell.helps!.value).toBeCloseTo(0.115);
  expect(cell.helps!.lower).toBeGreaterThan(0);
  expect(data.convergedPairs).toBe(4);
  expect(reportCsv(data)).toMatch(/,helps,helps_lower,helps_upper\n/);
});

test("reportData() takes no evidence from paths that have not converged", () => {
  const { cell, data } = summary({}, 0.9);
  expect(cell.helps).toBeNull();
  expect(data.convergedPairs).toBe(0);
});

test("reportData() divides no rounding by rounding", () => {
  const tiny = {
    local: 1e-8,
    normalised: { ssimLoss: null, relativeL2: 1e5 },
  };
  expect(summary(tiny, 1).cell.normalised).toBeNull();
  expect(summary({}, 1).cell.normalised).toBe(1);
});
