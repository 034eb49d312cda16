// Forecasts whose result is known from arithmetic, or from other actions.

import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { PhaseskipError } from "@phaseskip/graph";
import type { Device } from "../../src/device/session.js";
import { openDevice } from "../../src/device/session.js";
import type { ForecastBasis, Rule } from "../../src/plan/plan.js";
import { basisCoefficients } from "../../src/schedule/forecast-basis.js";
import { schedulePlan } from "../../src/schedule/schedule.js";
import { Kernels } from "../../src/unet/kernels.js";
import type { Alive } from "../device/counting-device.js";
import { countingDevice } from "../device/counting-device.js";
import type { OpenUnet, Outputs } from "./unet-runs.js";
import {
  farthest,
  openUnet,
  planOf,
  runSchedule,
  scheduleOf,
  timesteps,
} from "./unet-runs.js";

vi.setConfig({ testTimeout: 120_000 });

/** The same: the largest difference, as a part of the standard deviation, in float32. */
const same = 1e-5;

let device: Device;
let alive: Alive;
let open: OpenUnet;
let full: Outputs;
beforeAll(async () => {
  const counting = countingDevice(await openDevice("wasm", { threads: 1 }));
  ({ device, alive } = counting);
  alive.beforeRun = () => undefined; // runs are counted
  open = await openUnet("tiny-text-ts", device, { batch: 2 });
  full = await run();
});
afterAll(async () => {
  await open.close();
  expect(alive).toMatchObject({ tensors: 0, sessions: 0 });
});

const schedule = (...rules: object[]) =>
  scheduleOf(open.unet, planOf(rules as Rule[]));
const run = (...rules: object[]) => runSchedule(open, schedule(...rules));

const table = {
  values: 3,
  steps: [1, 2, 4, 5],
  coefficients: [[0.9], [1.2], [1.4, -0.4], [1.7, -0.8]],
};
const every3 = { every: 3 };

/** What a table makes of the full run's outputs where these are computed at steps 0 and 3. */
const byTable = () =>
  full.map(({ cond }, step) => {
    const row = table.coefficients[table.steps.indexOf(step)];
    if (!row) return { cond: cond! };
    const kept = [3, 0].filter((from) => from < step);
    return {
      cond: cond!.map((_, k) =>
        row.reduce((sum, c, i) => sum + c * full[kept[i]!]!.cond![k]!, 0),
      ),
    };
  });
const condOnly = (outputs: Outputs): Outputs =>
  outputs.map(({ cond }) => ({ cond: cond! }));

describe("forecast", () => {
  test.each([2, 3, 4])(
    "by taylor of %i values is extrapolate of one order less, byte for byte",
    async (values) => {
      const rule = {
        units: ["mid_block", "up_blocks.0"],
        refresh: { at: [0, 1, 3] },
      };
      const forecast = { ...rule, action: "forecast", values, basis: "taylor" };
      const order = values - 1;
      const extrapolate = { ...rule, action: "extrapolate", order };
      expect(await run(forecast)).toEqual(await run(extrapolate));
    },
  );

  test("refreshed at every step is run; a row of [1] is reuse", async () => {
    const whole = { units: ["**.resnets.1", ""], action: "forecast", ...table };
    const fresh = await run({ ...whole, refresh: { every: 1 } });
    expect(farthest(fresh, full)).toBeLessThan(5e-5);
    const still = {
      values: 2,
      steps: table.steps,
      coefficients: table.steps.map(() => [1]),
    };
    const units = ["up_blocks.1"];
    expect(
      await run({ units, action: "forecast", ...still, refresh: every3 }),
    ).toEqual(await run({ units, action: "reuse", refresh: every3 }));
  });

  test.each([["conv_out"], [""]])(
    "by a table is the sum of the last values, newest first: %j",
    async (unit) => {
      const rule = {
        units: [unit],
        action: "forecast",
        ...table,
        refresh: every3,
      };
      const found = condOnly(await run(rule));
      expect(farthest(found, byTable())).toBeLessThan(same);
    },
  );

  test("of the whole output runs nothing of the Unet", async () => {
    const rule = { units: [""], action: "forecast", ...table, refresh: every3 };
    const { runs } = alive;
    await run(rule);
    const spent = alive.runs - runs;
    await run({ ...rule, refresh: { at: [0, 1, 2, 3, 4, 5] } });
    const whole = alive.runs - runs - spent;
    // the text's part is run once for each context; the rest at 2 of 6 steps
    expect(spent - 2).toBeLessThanOrEqual((whole - 2) / 3 + 1);
    const { steps, signatures } = schedule(rule);
    const live = steps.map(({ contexts }) =>
      contexts.map(({ signature }) =>
        signatures[signature]!.isLive.includes(true),
      ),
    );
    expect(live).toEqual(
      [0, 1, 2, 3, 4, 5].map((i) => [i % 3 === 0, i % 3 === 0]),
    );
    const [, first] = steps;
    expect(first!.contexts[0]).toMatchObject({
      computed: [],
      reused: new Map([["", 1]]),
      changed: new Map([["", "forecast"]]),
    });
  });

  test.each([
    [
      { refresh: { at: [0] }, steps: [1, 2, 4], coefficients: [[1], [1], [1]] },
      "forecasts up_blocks.0 at step 3 (timestep 400, cond), for which it has no row",
    ],
    [
      {
        refresh: { at: [0, 3] },
        steps: [1, 2, 4, 5],
        coefficients: [[1, 0], [1], [1], [1]],
      },
      "at step 1 (timestep 800, cond), where its coefficients are for 2 kept values: computed so far are 1",
    ],
    [
      { refresh: every3, ages: [[1], [2], [1, 4], [2, 4]] },
      "at step 5 (timestep 100, cond), where its coefficients are for values kept 2 and 4 steps before: those at hand were 2 and 5",
    ],
    [
      { refresh: every3, steps: [1, 2, 4, 6] },
      "has coefficients for step 6, which must be below the grid's 6 steps",
    ],
    [
      { refresh: "never" },
      "forecasts up_blocks.0 at step 0 (timestep 950, cond), where its value is needed and no earlier step computed it",
    ],
  ])("says what is missing: %j", (change, wanted) => {
    const rule = {
      units: ["up_blocks.0"],
      action: "forecast",
      ...table,
      ...change,
    };
    expect(() => schedule(rule)).toThrow(PhaseskipError);
    expect(() => schedule(rule)).toThrow(wanted);
  });

  test("in a run that starts later counts steps on the whole grid, and takes the line where values are others", () => {
    const ages = [[1], [2], [1, 4], [2, 5]];
    const rule = {
      units: ["up_blocks.0"],
      action: "forecast",
      ...table,
      ages,
      refresh: { every: 2 },
    };
    const { steps, warnings } = schedulePlan(open.unet, {
      plan: planOf([rule as unknown as Rule]),
      timesteps: timesteps.slice(3),
      startIndex: 3,
      numTrainTimesteps: 1000,
      guidanceScale: 1,
      scheduler: "ddim",
    });
    const reads = steps.map(({ contexts }) => [...contexts[0]!.reads.values()]);
    expect(reads.map((all) => all.length)).toEqual([0, 1, 0]);
    expect(reads[1]![0]!.coefficients).toEqual([1]);
    expect(warnings).toEqual([
      "rules[0] forecasts 1 steps of this run, which starts later than its coefficients are for, by the polynomial through the kept values",
    ]);
  });
});

describe("basisCoefficients()", () => {
  const at = (stepIndex: number, timestep: number) => ({ stepIndex, timestep });
  const points = [at(5, 500), at(4, 640), at(2, 800), at(1, 910)];
  const bases: ForecastBasis[] = [
    "taylor",
    "hermite",
    "chebyshev",
    "adams-bashforth",
    "bdf",
  ];

  test.each(bases)(
    "%s leaves what stands still, of any number of values",
    (basis) => {
      for (const count of [1, 2, 3, 4]) {
        const found = basisCoefficients(
          basis,
          points.slice(0, count),
          at(7, 390),
          1000,
        );
        expect(found).toHaveLength(count);
        expect(found.reduce((sum, c) => sum + c, 0)).toBeCloseTo(1, 12);
      }
      expect(basisCoefficients(basis, points, at(6, 500), 1000)).toEqual([
        1, 0, 0, 0,
      ]);
    },
  );

  test.each(["taylor", "adams-bashforth", "bdf"] as const)(
    "%s is exact on a line",
    (basis) => {
      for (const count of [2, 3, 4]) {
        const used = points.slice(0, count);
        const found = basisCoefficients(basis, used, at(7, 390), 1000);
        const value = found.reduce(
          (sum, c, i) => sum + c * used[i]!.timestep,
          0,
        );
        expect(value).toBeCloseTo(390, 8);
      }
    },
  );

  test("no two of them are the same", () => {
    const all = bases.map((basis) =>
      basisCoefficients(basis, points, at(7, 390), 1000),
    );
    const different = new Set(
      all.map((one) => one.map((c) => c.toFixed(6)).join()),
    );
    expect(different.size).toBe(bases.length);
  });
});

describe("Kernels.combine()", () => {
  test("gives here the bytes that ONNX Runtime's model gives", async () => {
    const dims = [1, 8, 16, 16];
    const data = [1, 2, 3].map((seed) =>
      Float32Array.from(
        { length: 2048 },
        (_, i) => Math.sin(seed * i) * 10 ** (i % 5),
      ),
    );
    const coefficients = [1.7654321, -0.9123, 0.1468];
    const elsewhere: Device = { ...device, values: () => undefined };
    const made: Float32Array[] = [];
    for (const one of [device, elsewhere]) {
      const kernels = new Kernels(one);
      const tensors = data.map((values) => one.tensor(1, dims, values));
      const { runs } = alive;
      const sum = await kernels.combine(tensors, coefficients);
      expect(alive.runs - runs).toBe(one === device ? 0 : 1);
      made.push(await one.read(sum));
      for (const tensor of [...tensors, sum]) tensor.dispose();
      await kernels.dispose();
    }
    expect(made[0]).toEqual(made[1]);
  });
});
