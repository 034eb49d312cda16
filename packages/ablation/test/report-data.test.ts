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

const summary = (effect: Partial<CellEffect>, agreement: number, seeds = 4) => {
  const settings = { ...manifest.settings, seeds };
  const data = reportData({
    manifest: { ...manifest, settings },
    ...{ cells: [row(effect)], responses: [], floors: [] },
    emergence: [],
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

test("reportData() says of too few seeds not which absence helps, as it has no interval", () => {
  expect(summary({}, 0.995, 3).cell.helps).toBeNull();
});

test("reportData() ranks single skips under zero and mean, without their groups", () => {
  // three skips on which both agree least, and a group that is first under both
  const effects = { zero: [0.1, 0.2, 0.3, 0.9], mean: [0.3, 0.2, 0.1, 0.9] };
  const units = ["a.skip", "b.skip", "c.skip", "**.skip"];
  const cells = (["zero", "mean"] as const).flatMap((action) =>
    units.map((unit, i) => ({
      ...row({ ssim: 1 - effects[action][i]! }),
      ...{ cell: `${unit}/single:000-002/${action}`, unit, action },
    })),
  );
  const measured = units.map((unit) => ({
    ...{ unit, kind: unit === "**.skip" ? "skips" : "skip" },
  })) as SweepManifest["measured"];
  const data = reportData({
    ...{ manifest: { ...manifest, measured }, cells, responses: [] },
    ...{ floors: [], emergence: [], converged: [] },
  });
  expect(data.zeroMeanAgreement).toBeCloseTo(-1);
});

test("reportData() divides no rounding by rounding", () => {
  const tiny = {
    local: 1e-8,
    normalised: { ssimLoss: null, relativeL2: 1e5 },
  };
  expect(summary(tiny, 1).cell.normalised).toBeNull();
  expect(summary({}, 1).cell.normalised).toBe(1);
});

test("reportData() says from which step on nine runs in ten have their composition, for good", () => {
  const steps = { timesteps: [800, 600, 400, 200], logSnr: [-3, -1, 1, 3] };
  const ten = Array.from({ length: 10 }, (_, seed) => ({ prompt: 0, seed }));
  const emergence = (count: number, late: number[], other: number[]) =>
    Array.from({ length: count }, (_, pair) => ({
      ...{ emergence: `emergence/${pair}`, pair },
      lowPassSsim: pair === 0 ? late : other,
    }));
  const found = (runs: ReturnType<typeof emergence>) =>
    reportData({
      ...{ cells: [row({})], responses: [], floors: [], converged: [] },
      ...{ manifest: { ...manifest, ...steps, pairs: ten }, emergence: runs },
    }).emergence;
  // the second step's agreement is lost again
  const lost = [0.5, 0.95, 0.8, 0.95];
  expect(found(emergence(10, [0.1, 0.2, 0.3, 1], lost))).toEqual({
    shares: [0, 0.9, 0, 1],
    onset: { step: 3, timestep: 200, logSnr: 3 },
  });
  const early = [0.89, 0.9, 0.9, 1];
  expect(found(emergence(10, [0.1, 0.2, 0.3, 1], early))!.onset!.step).toBe(1);
  expect(found(emergence(9, [0.1, 0.2, 0.3, 1], early))!.onset!.step).toBe(3);
  expect(found(emergence(2, early, [0, 0, 0, 0]))!.onset).toBeNull();
  expect(found([])).toBeNull();
});

test("reportData() looks for no phase in the last step, at which a unit is felt as noise is", () => {
  const steps = {
    timesteps: [800, 600, 400, 200, 0],
    logSnr: [-3, -1, 1, 3, 9],
  };
  const cells = steps.timesteps.map((_, step) => ({
    ...row({ normalised: { ssimLoss: 1, relativeL2: step < 4 ? 5 : 1 } }),
    cell: `mid_block/single:00${step}-00${step + 1}/zeroResidual`,
    window: {
      ...{ kind: "single" as const, bin: step },
      ...{ firstStep: step, endStep: step + 1, from: 1000, to: 0 },
    },
  }));
  const data = reportData({
    ...{ cells, responses: [], floors: [], emergence: [], converged: [] },
    manifest: { ...manifest, ...steps },
  });
  const [removal] = data.actions;
  expect(removal!.phases!.bins).toBe(4);
  expect(removal!.phases!.boundaries).toEqual([]);
});
