import { describe, expect, test } from "vitest";
import {
  defaultPlanPrompts,
  draftPlan,
  drawTest,
  formatBudget,
  layOutSplits,
  parseBudget,
  Predictor,
  searchPlans,
  standings,
  summarise,
  withChange,
  type CellRow,
  type Change,
  type Contestant,
  type PlanRunner,
  type SplitName,
} from "@phaseskip/ablation";
import type { Plan } from "@phaseskip/runtime";
import { tenSteps as grid } from "./ten-steps.js";

const cell = (
  unit: string,
  firstStep: number,
  endStep: number,
  loss: number,
  every?: number,
): CellRow => ({
  cell: `${unit}/single:${firstStep}-${endStep}/${every ? `reuse-${every}` : "zero"}`,
  unit,
  units: [unit],
  family: every ? "reuse" : "lesion",
  action: every ? "reuse" : "zero",
  refresh: every ? { every } : null,
  window: {
    kind: "single",
    bin: firstStep / 5,
    firstStep,
    endStep,
    from: 1000 - 100 * firstStep,
    to: 1000 - 100 * endStep,
  },
  macs: { full: 100, saved: 5 },
  effects: [
    {
      pair: 0,
      local: 0,
      ssim: 1 - loss,
      relativeL2: loss,
      clippedShare: 0,
      toConverged: null,
      normalised: null,
    },
  ],
});

const unit = (name: string, firstStep: number, endStep: number): Change => ({
  kind: "unit",
  unit: name,
  action: "zero",
  rules: [{ units: [name], action: "zero" }],
  firstStep,
  endStep,
});

describe("parseBudget()", () => {
  test("reads what formatBudget() writes", () => {
    for (const text of ["ssim=0.95", "macs=0.5", "front=0.66,0.5"])
      expect(formatBudget(parseBudget(text))).toBe(text);
    expect(parseBudget("front").kind).toBe("front");
  });

  test("throws RangeError for what is no share", () => {
    for (const text of ["ssim", "ssim=1", "macs=0", "macs=0.5,0.4", "time=2"])
      expect(() => parseBudget(text)).toThrow(
        "must be ssim=S, macs=M or front",
      );
  });
});

describe("draftPlan()", () => {
  test("says windows in timesteps, and joins parts that share a rule", () => {
    const draft = [unit("a", 0, 5), unit("b", 0, 5), unit("c", 5, 10)];
    const plan = draftPlan(draft, grid, "p");
    expect(plan.phases).toEqual([
      { name: "t1000-500", from: 1000, to: 500 },
      { name: "t500-0", from: 500, to: 0 },
    ]);
    expect(plan.rules).toEqual([
      { units: ["a", "b"], phases: ["t1000-500"], action: "zero" },
      { units: ["c"], phases: ["t500-0"], action: "zero" },
    ]);
    expect(plan.steps).toEqual({ numInferenceSteps: 10 });
  });

  test("withChange() replaces what speaks of the same part at the same steps, and nothing else", () => {
    const draft = [unit("a", 0, 5), unit("a", 7, 10), unit("b", 0, 5)];
    const next = withChange(draft, unit("a", 3, 6));
    expect(next).toEqual([unit("a", 7, 10), unit("b", 0, 5), unit("a", 3, 6)]);
  });
});

describe("Predictor", () => {
  const predictor = new Predictor([
    cell("a", 0, 5, 0.1),
    cell("a", 5, 10, 0.02),
    cell("b", 0, 5, 0.04, 2),
    cell("b", 0, 5, 0.2, 5),
  ]);

  test("adds up windows, and takes parts of them in proportion", () => {
    expect(predictor.loss(unit("a", 0, 10))).toBeCloseTo(0.12);
    expect(predictor.loss(unit("a", 0, 7))).toBeCloseTo(0.108);
    expect(predictor.loss(unit("other", 0, 5))).toBeNaN();
    expect(
      predictor.jointLoss([unit("a", 0, 5), unit("a", 5, 10)]),
    ).toBeCloseTo(0.12);
  });

  test("offers every run of neighbouring windows", () => {
    const spans = predictor
      .changes()
      .flatMap((one) =>
        one.kind === "unit" && one.unit === "a"
          ? [`${one.firstStep}-${one.endStep}`]
          : [],
      );
    expect(spans.sort()).toEqual(["0-10", "0-5", "5-10"]);
  });
});

describe("layOutSplits()", () => {
  const sizes = {
    search: { prompts: 2, seeds: 2 },
    validation: { prompts: 3, seeds: 1 },
    test: { prompts: 4, seeds: 2 },
  };
  const textsOf = (groups: readonly (readonly { prompt?: string }[])[]) =>
    groups.flat().map(({ prompt }) => prompt);

  test("shares no prompt between splits, nor with the sweep", () => {
    const prompts = defaultPlanPrompts();
    expect(new Set(prompts).size).toBe(200);
    const sweepPrompts = prompts.slice(0, 50);
    const splits = layOutSplits({ prompts, sweepPrompts, sizes, seed: 0 });
    const drawn = drawTest(splits, "0123456789abcdef");
    const parts = [splits.search, splits.validation, drawn].map(
      (groups) => new Set(textsOf(groups)),
    );
    expect(parts.map(({ size }) => size)).toEqual([2, 3, 4]);
    const all = [...parts.flatMap((part) => [...part]), ...sweepPrompts];
    expect(new Set(all).size).toBe(all.length);
  });

  test("draws the test from the digest alone", () => {
    const prompts = defaultPlanPrompts();
    const splits = layOutSplits({ prompts, sweepPrompts: [], sizes, seed: 0 });
    const draw = (digest: string) => JSON.stringify(drawTest(splits, digest));
    expect(draw("0123456789abcdef")).toBe(draw("0123456789abcdef"));
    expect(draw("0123456789abcdef")).not.toBe(draw("1123456789abcdef"));
  });

  test("shrinks splits to the prompts that there are, and says so", () => {
    const splits = layOutSplits({
      prompts: ["a", "b", "c", "d"],
      sweepPrompts: ["d"],
      sizes,
      seed: 0,
    });
    expect(splits.search).toHaveLength(1);
    expect(splits.notes[0]).toContain("1 search prompts instead of 2");
    expect(() =>
      layOutSplits({ prompts: ["a", "b"], sweepPrompts: [], sizes, seed: 0 }),
    ).toThrow("at least 3 prompts that the sweep did not draw");
  });
});

describe("standings()", () => {
  const steady = (value: number) =>
    Array.from({ length: 8 }, (_, i) => [
      value + 1e-4 * (i % 3),
      value + 1e-4 * (i % 2),
    ]);

  test("tells wins, losses, ties and what is undecided", () => {
    const noisy = Array.from({ length: 8 }, (_, i) => [
      0.9 + (i % 2 ? 0.05 : -0.05),
    ]);
    const level = Array.from({ length: 8 }, () => [0.9]);
    const rival = steady(0.9);
    const found = standings([
      { plan: steady(0.95), rival },
      { plan: steady(0.8), rival },
      { plan: rival, rival },
      { plan: noisy, rival: level },
    ]);
    expect(found.map(({ verdict }) => verdict)).toEqual([
      "wins",
      "loses",
      "ties",
      "undecided",
    ]);
  });

  test("summarise() counts pairs that became another picture", () => {
    const summary = summarise([
      [0.9, 0.6],
      [0.95, 0.99],
    ]);
    expect(summary.otherPicture).toBe(0.25);
    expect(summary.interval![0]).toBeLessThan(summary.mean);
    expect(summarise([[0.9]]).interval).toBeNull();
  });
});

/** A world in which losses add up, but for two parts that stand in for each other. */
class World implements PlanRunner {
  readonly losses: Readonly<Record<string, number>> = { a: 0.001, b: 0.2 };

  count() {
    return 4;
  }

  cost({ plan }: Contestant) {
    return Promise.resolve(1 - 0.2 * this.#out(plan).length);
  }

  identity({ plan }: Contestant) {
    const steps = String(plan.steps?.numInferenceSteps);
    return Promise.resolve([...this.#out(plan).sort(), steps].join(" "));
  }

  async measure(contestant: Contestant, _split?: SplitName) {
    const out = this.#out(contestant.plan);
    const own = out.map((name) => this.losses[name] ?? 0);
    const both = out.includes("c") && out.includes("d") ? 0.5 : 0;
    const loss = own.reduce((sum, one) => sum + one, both);
    const ssim = [
      [1 - loss, 1 - loss],
      [1 - loss, 1 - loss],
    ];
    return { ssim, cost: await this.cost(contestant) };
  }

  #out({ rules }: Plan) {
    return [...new Set(rules.flatMap(({ units }) => units))];
  }
}

describe("searchPlans()", () => {
  const cells = ["a", "b", "c", "d"].map((name) =>
    cell(name, 0, 10, new World().losses[name] ?? 0),
  );
  const request = {
    ...{ cells, grid, runner: new World(), evaluations: 200, seed: 0 },
    ...{ isGuidanceFree: false, areStepsFree: false },
  };

  test("takes one of two parts that stand in for each other, though both look free", async () => {
    const { found, evaluations } = await searchPlans({
      ...request,
      budget: parseBudget("ssim=0.98"),
    });
    const parts = found[0]!.draft.map((one) => one.kind === "unit" && one.unit);
    expect(parts).toHaveLength(2);
    expect(parts).toContain("a");
    expect(evaluations).toBeLessThanOrEqual(200);
  });

  test("runs one of several plans that come to the same", async () => {
    const measured: string[] = [];
    class Watched extends World {
      override async measure(contestant: Contestant, split?: SplitName) {
        if (split === "search" && contestant.name !== "chosen")
          measured.push(await this.identity(contestant));
        return super.measure(contestant);
      }
    }
    const windows = [0, 1, 2, 3, 4].map((i) => [2 * i, 2 * i + 2] as const);
    await searchPlans({
      ...request,
      runner: new Watched(),
      cells: ["a", "c", "d"].flatMap((name) =>
        windows.map(([from, to]) => cell(name, from, to, 0)),
      ),
      budget: parseBudget("ssim=0.9"),
    });
    expect(measured.length).toBeGreaterThan(3);
    expect(new Set(measured).size).toBe(measured.length);
  });

  test("does not run one window after the other of a part that was found dear", async () => {
    // ten windows of each part, and others that are worth finding behind the pair
    const steps: string[] = [];
    const windows = Array.from({ length: 10 }, (_, step) => step);
    const { found } = await searchPlans({
      ...request,
      cells: ["c", "d", "e"].flatMap((name) =>
        windows.map((step) =>
          cell(name, step, step + 1, name === "e" ? 0.0005 : 0),
        ),
      ),
      budget: parseBudget("ssim=0.98"),
      onVerified: ({ step }) => {
        steps.push(step);
        return Promise.resolve();
      },
    });
    const parts = found[0]!.draft.map((one) => one.kind === "unit" && one.unit);
    expect(parts).toContain("e");
    const before = steps.slice(
      0,
      steps.findIndex((step) => /^add e/.test(step)),
    );
    expect(before.length).toBeLessThan(8);
  });

  test("chooses a plan in between where unseen pictures lose four times as much", async () => {
    class Fickle extends World {
      override readonly losses = { a: 0.004, b: 0.008, e: 0.016 };

      override async measure(contestant: Contestant, split?: SplitName) {
        const { ssim, cost } = await super.measure(contestant);
        const worse = split === "validation" ? 4 : 1;
        return {
          ssim: ssim.map((row) => row.map((one) => 1 - worse * (1 - one))),
          cost,
        };
      }
    }
    const runner = new Fickle();
    const { found } = await searchPlans({
      ...request,
      runner,
      cells: Object.entries(runner.losses).map(([name, loss]) =>
        cell(name, 0, 10, loss),
      ),
      budget: parseBudget("ssim=0.95"),
    });
    // all three lose 0.112 there, two of them 0.048
    expect(found[0]!.cost).toBeCloseTo(0.6);
  });

  test.each([true, false])(
    "a pair that becomes another picture decides a choice unless it does so under any plan: %s",
    async (isFragile) => {
      class Brittle extends World {
        override readonly losses = { a: 0.001, b: 0.002 };

        override async measure(contestant: Contestant, split?: SplitName) {
          const { ssim, cost } = await super.measure(contestant);
          const { rules } = contestant.plan;
          const isLeast = contestant.name === "the least change";
          const flips =
            split === "validation" &&
            rules.length > 0 &&
            (isFragile || !isLeast);
          return {
            ssim: ssim.map((row, i) =>
              i === 1 && flips ? [row[0]!, 0.3] : row,
            ),
            cost,
          };
        }
      }
      const { found, fragile } = await searchPlans({
        ...request,
        runner: new Brittle(),
        cells: [cell("a", 0, 10, 0.001, 2), cell("b", 0, 10, 0.002, 2)],
        budget: parseBudget("ssim=0.98"),
      });
      expect(found[0]!.isReached).toBe(isFragile);
      expect(fragile.validation).toEqual(
        isFragile ? [{ prompt: 1, seed: 1 }] : [],
      );
      expect(found[0]!.draft.length > 0).toBe(isFragile);
      expect(fragile.search).toEqual([]);
    },
  );

  test("has a plan on the whole grid to choose where fewer steps lose on unseen pictures alone", async () => {
    class Shorter extends World {
      override readonly losses = { a: 0.004, b: 0.008, e: 0.016 };

      override async cost(contestant: Contestant) {
        const { steps } = contestant.plan;
        const count = steps?.numInferenceSteps ?? 10;
        return (count / 10) * (await super.cost(contestant));
      }

      override async measure(contestant: Contestant, split?: SplitName) {
        const { ssim, cost } = await super.measure(contestant);
        const isFewer = contestant.plan.steps?.numInferenceSteps !== 10;
        const loss = isFewer && split === "validation" ? 0.2 : 0;
        return { ssim: ssim.map((row) => row.map((one) => one - loss)), cost };
      }
    }
    const runner = new Shorter();
    const { found } = await searchPlans({
      ...request,
      ...{ runner, areStepsFree: true, evaluations: 400 },
      cells: Object.entries(runner.losses).map(([name, loss]) =>
        cell(name, 0, 10, loss),
      ),
      budget: parseBudget("macs=0.6"),
    });
    expect(found[0]!.draft.map(({ kind }) => kind)).toEqual(["unit", "unit"]);
    expect(found[0]!.validation.ssim.flat()[0]).toBeCloseTo(0.988);
  });

  test("climbs from the best plan with fewer steps, too, where the best of all has none", async () => {
    const moves: boolean[] = [];
    class Slower extends World {
      override readonly losses = { a: 0.01, b: 0.02, e: 0.03 };

      override async cost(contestant: Contestant) {
        const count = contestant.plan.steps?.numInferenceSteps ?? 10;
        return (count / 10) * (await super.cost(contestant));
      }

      override identity({ plan: { name: _name, ...plan } }: Contestant) {
        return Promise.resolve(JSON.stringify(plan));
      }

      override async measure(contestant: Contestant) {
        const count = contestant.plan.steps?.numInferenceSteps ?? 10;
        const { ssim, cost } = await super.measure(contestant);
        const lost = 0.02 * (10 - count);
        return { ssim: ssim.map((row) => row.map((one) => one - lost)), cost };
      }
    }
    const runner = new Slower();
    const windows = Array.from({ length: 10 }, (_, step) => step);
    const { found } = await searchPlans({
      ...request,
      ...{ runner, areStepsFree: true, evaluations: 400 },
      cells: Object.entries(runner.losses).flatMap(([name, loss]) =>
        windows.map((step) => cell(name, step, step + 1, loss / 10)),
      ),
      budget: parseBudget("macs=0.6"),
      onVerified: ({ step, changes }) => {
        const isMove = !/^(probe|add|drop) [^;]*$/.test(step);
        if (isMove) moves.push(changes.some((one) => / steps$/.test(one)));
        return Promise.resolve();
      },
    });
    expect(found[0]!.draft.map(({ kind }) => kind)).toEqual(["unit", "unit"]);
    expect(moves.filter((isShort) => isShort).length).toBeGreaterThan(2);
  });

  test("has values go on as they did where that loses less than standing still, though no cell has it", async () => {
    class Smooth extends World {
      override async measure(contestant: Contestant) {
        const { cost } = await super.measure(contestant);
        const isStill = contestant.plan.rules.some(
          ({ action }) => action === "reuse",
        );
        const loss = isStill ? 0.05 : 0.005;
        return { ssim: [[1 - loss, 1 - loss]], cost };
      }
    }
    const { found } = await searchPlans({
      ...request,
      runner: new Smooth(),
      cells: [cell("a", 0, 10, 0.02, 2)],
      budget: parseBudget("macs=0.8"),
    });
    const plan = draftPlan(found[0]!.draft, grid, "found");
    expect(plan.rules).toEqual([
      expect.objectContaining({
        ...{ units: ["a"], action: "extrapolate", order: 1 },
      }),
    ]);
  });

  test("keeps predicted beside measured losses of every plan", async () => {
    const verified: { predictedLoss: number; measuredLoss: number }[] = [];
    await searchPlans({
      ...request,
      budget: parseBudget("ssim=0.98"),
      onVerified: (one) => {
        verified.push(one);
        return Promise.resolve();
      },
    });
    const apart = verified.filter(
      (one) => one.measuredLoss - one.predictedLoss > 0.4,
    );
    expect(apart.length).toBeGreaterThan(0);
  });

  test("gives a front its points, the dearest first", async () => {
    const { found } = await searchPlans({
      ...request,
      budget: parseBudget("front=0.8,0.4"),
    });
    expect(found.map(({ cost }) => cost <= 0.8)).toEqual([true, true]);
    expect(found[1]!.cost).toBeLessThanOrEqual(0.4 + 1e-9);
    expect(
      found[1]!.draft.map((one) => one.kind === "unit" && one.unit),
    ).toContain("b");
  });

  test("throws where a cost is out of reach, and for too few evaluations", async () => {
    await expect(
      searchPlans({ ...request, budget: parseBudget("macs=0.1") }),
    ).rejects.toThrow("Cannot reach macs=0.1");
    await expect(
      searchPlans({
        ...request,
        budget: parseBudget("macs=0.5"),
        evaluations: 10,
      }),
    ).rejects.toThrow("evaluations must be at least 20");
  });
});
