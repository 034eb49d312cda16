// What random search and local search may do: all that the planner may, and nothing twice.
import {
  finalists,
  type Change,
  type Contestant,
  type PlanRunner,
  type SplitName,
} from "@phaseskip/ablation";
import { seededRandom } from "@phaseskip/metrics";
import { emptyPlan } from "@phaseskip/runtime/internals";
import { expect, test } from "vitest";
import { tenSteps as grid } from "../../ablation/test/ten-steps.js";
import { climbFrom, searchRandomly } from "../src/planning/rival-tuning.js";

const changes: Change[] = [
  ...["a", "b", "c", "d"].flatMap((unit) =>
    Array.from({ length: 10 }, (_, firstStep): Change => ({
      ...{ kind: "unit", unit, action: "zero", firstStep, endStep: 10 },
      rules: [{ units: [unit], action: "zero" }],
    })),
  ),
  { kind: "guidance", policy: "off", firstStep: 5, endStep: 10 },
  { kind: "steps", numInferenceSteps: 8 },
];

/** A world in which each change saves a tenth, and that remembers what was run in it. */
class World implements PlanRunner {
  readonly measured: { split: SplitName; plan: string }[] = [];

  count(split: SplitName) {
    return split === "search" ? 2 : 4;
  }

  cost({ plan }: Contestant) {
    const units = plan.rules.length;
    const others = (plan.guidance?.length ?? 0) + (isShort(plan) ? 1 : 0);
    return Promise.resolve(1 - 0.1 * (units + others));
  }

  identity({ plan: { name: _name, ...plan } }: Contestant) {
    return Promise.resolve(JSON.stringify(plan));
  }

  async measure(contestant: Contestant, split: SplitName) {
    this.measured.push({ split, plan: await this.identity(contestant) });
    const cost = await this.cost(contestant);
    return { ssim: [[cost, cost]], cost };
  }

  plans(split: SplitName) {
    return this.measured
      .filter((one) => one.split === split)
      .map(({ plan }) => plan);
  }
}

const isShort = ({ steps }: Contestant["plan"]) =>
  (steps?.numInferenceSteps ?? 10) < 10;

const limits = { cost: 0.85, evaluations: 150 };

test.each([
  [
    "random search",
    (world: World) =>
      searchRandomly(changes, grid, world, limits, seededRandom(1)),
  ],
  [
    "local search",
    (world: World) => {
      const [change] = changes;
      const rules = change!.kind === "unit" ? change!.rules : [];
      const plan = { ...emptyPlan, rules: [...rules, ...rules] };
      const start = { name: "start", plan };
      return climbFrom(start, changes, grid, world, limits, seededRandom(1));
    },
  ],
])(
  "%s uses steps and guidance, too, and pays for no plan twice",
  async (_, search) => {
    const world = new World();
    const found = await search(world);
    const tried = world.plans("search");
    expect(new Set(tried).size).toBe(tried.length);
    expect(tried.length).toBeGreaterThan(20);
    expect(tried.some((plan) => plan.includes('"numInferenceSteps":8'))).toBe(
      true,
    );
    expect(tried.some((plan) => plan.includes('"guidance"'))).toBe(true);
    const chosen = world.plans("validation");
    expect(new Set(chosen).size).toBe(finalists);
    expect(found!.evaluations).toBe(2 * tried.length + 4 * chosen.length);
    expect(found!.evaluations).toBeLessThanOrEqual(limits.evaluations);
  },
);
