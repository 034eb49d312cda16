import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  fitForecast,
  fitSites,
  fittedPlan,
  forecastTemplate,
  type ForecastStep,
  type InnerProducts,
} from "@phaseskip/ablation";
import type { Plan } from "@phaseskip/runtime";
import { generator } from "@phaseskip/scheduler";
import { describe, expect, test } from "vitest";
import { readNpy } from "../../cli/src/pictures/npy.js";

/** Inner products of a run's values. */
function productsOf(values: readonly Float32Array[]): InnerProducts {
  const products = values.flatMap((a) =>
    values.map((b) => a.reduce((sum, x, i) => sum + x * b[i]!, 0)),
  );
  return { steps: values.length, products: Float64Array.from(products) };
}

const count = 24;
const timesteps = Array.from({ length: count }, (_, i) => 980 - 40 * i);
const steps: ForecastStep[] = Array.from({ length: count }, (_, step) => step)
  .filter((step) => step > 6 && step % 2 === 1)
  .map((step) => ({ step, from: [step - 1, step - 3, step - 5] }));
const runsOf = (make: (seed: number) => Float32Array[]) =>
  Array.from({ length: 6 }, (_, seed) => productsOf(make(seed)));

/** Each value is the same sum of the three before it that are odd numbers of steps away, from noise on. */
const linear = (seed: number) => {
  const { randn } = generator(seed);
  const values = Array.from({ length: 6 }, () => randn(64));
  while (values.length < count) {
    const [a, b, c] = [1, 3, 5].map((age) => values.at(-age)!) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    values.push(a.map((x, i) => 0.9 * x - 0.5 * b[i]! + 0.3 * c[i]!));
  }
  return values;
};

/** The largest error of fitted coefficients over new runs, as a part of the values' norm. */
function errorOn(
  fresh: Float32Array[],
  coefficients: readonly (readonly number[])[],
) {
  const errors = steps.map(({ step, from }, i) => {
    const y = fresh[step]!;
    const off = y.map(
      (x, k) =>
        x -
        from.reduce((s, j, c) => s + coefficients[i]![c]! * fresh[j]![k]!, 0),
    );
    return Math.hypot(...off) / Math.hypot(...y);
  });
  return Math.max(...errors);
}

describe("fitForecast()", () => {
  test("forecasts a value that is linear in its last three exactly", () => {
    const found = fitForecast(steps, runsOf(linear), timesteps);
    expect(found.isUsable).toBe(true);
    // float32 holds no more of the values
    expect(found.error).toBeLessThan(1e-6);
    expect(errorOn(linear(99), found.coefficients)).toBeLessThan(1e-6);
    for (const row of found.coefficients)
      [0.9, -0.5, 0.3].forEach((c, i) => expect(row[i]).toBeCloseTo(c, 5));
  });

  test.each([0, 1, 30])("never offers noise, around a mean of %d", (mean) => {
    for (let draw = 0; draw < 20; draw++) {
      const noise = (seed: number) => {
        const { randn } = generator(1000 * draw + seed);
        return timesteps.map(() => randn(64).map((x) => x + mean));
      };
      const { isUsable } = fitForecast(steps, runsOf(noise), timesteps);
      expect(isUsable).toBe(false);
    }
  });

  test("takes the line through two values where runs have nothing in common", () => {
    // a line in the timestep, its slope another in each run, and a little noise
    const drift = (seed: number) => {
      const { randn } = generator(seed);
      const [start, slope] = [randn(8), randn(8)];
      return timesteps.map((t) =>
        start.map((x, i) => x + (slope[i]! * t) / 100),
      );
    };
    const found = fitForecast(steps, runsOf(drift), timesteps);
    expect(found.error).toBeLessThan(1e-5);
    expect(found.isUsable).toBe(true);
  });

  test("needs a run to hold out", () => {
    const one = runsOf(linear).slice(0, 1);
    expect(() => fitForecast(steps, one, timesteps)).toThrow(
      "Cannot fit a forecast as at least one of 2 or more runs must be held out: there are 1",
    );
  });
});

// Made by models/golden_forecasts.py: numpy's least squares on the trajectories themselves.
describe("fitForecast() finds in inner products what numpy finds in the trajectories", () => {
  const file = (name: string) =>
    fileURLToPath(new URL(`./golden/${name}`, import.meta.url));
  const golden = JSON.parse(readFileSync(file("forecast.json"), "utf8")) as {
    timesteps: number[];
    steps: ForecastStep[];
    ridges: number[];
    errors: number[];
    coefficients: number[][][];
  };

  test.each(golden.ridges.map((ridge, i) => [ridge, i] as const))(
    "ridge %d",
    async (ridge, i) => {
      const { data, shape } = await readNpy(file("forecast.npy"));
      const [runs, length, size] = shape as [number, number, number];
      const products = Array.from({ length: runs }, (_, run) =>
        productsOf(
          Array.from({ length }, (__, step) => {
            const from = (run * length + step) * size;
            return data.subarray(from, from + size);
          }),
        ),
      );
      const found = fitForecast(golden.steps, products, golden.timesteps, [
        ridge,
      ]);
      found.coefficients.forEach((row, s) =>
        row.forEach((c, k) =>
          expect(Math.abs(c - golden.coefficients[i]![s]![k]!)).toBeLessThan(
            1e-6,
          ),
        ),
      );
      expect(Math.abs(found.error / golden.errors[i]! - 1)).toBeLessThan(1e-6);
    },
  );
});

describe("fittedPlan()", () => {
  const plan: Plan = {
    format: "phaseskip-plan",
    version: 1,
    phases: [{ name: "late", from: 700, to: 0 }],
    rules: [
      {
        units: ["a", "b"],
        phases: ["late"],
        action: "extrapolate",
        order: 1,
        refresh: { every: 2 },
      },
      { units: ["c"], action: "zero" },
    ],
    guidance: [{ phases: ["late"], action: "delta", refresh: { every: 2 } }],
  };
  const sites = [
    { rule: 0, unit: "a", contexts: ["cond", "uncond"] as const, steps },
    { rule: 0, unit: "b", contexts: ["cond"] as const, steps },
    { rule: 0, unit: "guidance", contexts: [], steps },
  ];
  const noise = (seed: number) => {
    const { randn } = generator(seed);
    return timesteps.map(() => randn(64));
  };
  const valid = { schedulers: ["ddim"] };

  test("begins with every kept output forecast from so many values", () => {
    const template = forecastTemplate(plan, 3);
    const forecast = { values: 3, basis: "taylor", refresh: { every: 2 } };
    expect(template.rules[0]).toEqual({
      units: ["a", "b"],
      phases: ["late"],
      action: "forecast",
      ...forecast,
    });
    expect(template.rules[1]).toBe(plan.rules[1]);
    expect(template.guidance).toEqual([
      { phases: ["late"], action: "delta", ...forecast },
    ]);
  });

  test("puts tables behind the rules that they take over, and leaves what cannot be forecast", () => {
    const fitted = fitSites(
      sites,
      ({ unit }) => runsOf(unit === "b" ? noise : linear),
      timesteps,
    );
    const made = fittedPlan(plan, fitted, 3, valid);
    expect(made.rules).toHaveLength(3);
    expect(made.rules[0]).toBe(plan.rules[0]);
    expect(made.rules[1]).toMatchObject({
      units: ["a"],
      phases: ["late"],
      action: "forecast",
      values: 3,
      steps: steps.map(({ step }) => step),
      refresh: { every: 2 },
    });
    const table = made.rules[1] as unknown as {
      coefficients: number[][];
      ages: number[][];
    };
    expect(table.ages).toEqual(steps.map(() => [1, 3, 5]));
    expect(table.coefficients[0]![0]).toBeCloseTo(0.9, 5);
    expect(made.guidance![0]).toMatchObject({
      action: "delta",
      values: 3,
      refresh: { every: 2 },
    });
    expect(made.valid).toEqual(valid);
    const all = fittedPlan(
      plan,
      fitted.filter(({ site }) => site.unit !== "b"),
      3,
      valid,
    );
    expect(all.rules).toHaveLength(2);
    // guidance's rules count for themselves
    const alone = fittedPlan(
      plan,
      fitSites(
        sites.filter(({ unit }) => unit !== "b"),
        ({ unit }) => runsOf(unit === "guidance" ? noise : linear),
        timesteps,
      ),
      3,
      valid,
    );
    expect(alone.rules).toHaveLength(2);
    expect(alone.guidance).toEqual(plan.guidance);
  });
});
