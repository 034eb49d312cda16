import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PlanStudy } from "../../src/study/plan-study.js";
import type { Plan, Rule } from "../../src/plan/plan.js";
import { fixtureFolder } from "../unet/unet-runs.js";

let study: PlanStudy;
beforeAll(async () => {
  study = await PlanStudy.open(fixtureFolder("tiny-text-dynamo"));
});
afterAll(() => study.dispose());

const late = { name: "late", from: 500, to: 0 };
const everyOther: Rule = {
  units: ["up_blocks.1"],
  action: "reuse",
  refresh: { every: 2 },
};

const computation = async (
  rules: readonly Rule[],
  more: Partial<Plan> = {},
): Promise<string | undefined> => {
  const plan: Plan = {
    ...{ format: "phaseskip-plan", version: 1, phases: [late], rules },
    ...{ steps: { numInferenceSteps: 10 }, ...more },
  };
  return (await study.outlook({ scheduler: "ddim", plan })).computation;
};

describe("computation", () => {
  test("is the same where another plan comes to the same", async () => {
    const kept = await computation([everyOther]);
    expect(kept).toBeDefined();
    // a name, a phase that begins between the same two steps, a part whose value nothing reads
    expect(await computation([everyOther], { name: "other" })).toBe(kept);
    const at = (from: number) =>
      computation([{ ...everyOther, phases: ["p"] }], {
        phases: [{ name: "p", from, to: 0 }],
      });
    expect(await at(650)).toBe(await at(690));
    const inside: Rule = {
      units: ["up_blocks.1.resnets.0"],
      action: "reuse",
      refresh: { every: 2 },
    };
    expect(await computation([inside, everyOther])).toBe(kept);
  });

  test.each<[string, Rule[], Partial<Plan>]>([
    ["no rule", [], {}],
    ["another rate", [{ ...everyOther, refresh: { every: 3 } }], {}],
    ["another action", [{ units: ["up_blocks.1"], action: "zero" }], {}],
    ["other steps", [{ ...everyOther, phases: ["late"] }], {}],
    ["another part", [{ ...everyOther, units: ["up_blocks.0"] }], {}],
    ["fewer steps", [everyOther], { steps: { numInferenceSteps: 9 } }],
    [
      "guidance off",
      [everyOther],
      { guidance: [{ phases: ["late"], action: "off" }] },
    ],
  ])("is another one with %s", async (_, rules, more) => {
    expect(await computation(rules, more)).not.toBe(
      await computation([everyOther]),
    );
  });

  test("tells what a reuse keeps and how a part is scaled", async () => {
    const unit = { units: ["up_blocks.0.resnets.0"] };
    const reuse = { ...unit, action: "reuse", refresh: { every: 2 } } as const;
    expect(await computation([reuse])).not.toBe(
      await computation([{ ...reuse, value: "residual" }]),
    );
    const scaled = (factor: number): Rule => ({
      ...{ ...unit, action: "scale", factor },
    });
    expect(await computation([scaled(0.5)])).not.toBe(
      await computation([scaled(0.6)]),
    );
  });

  test("is open where adaptive rules decide in the run", async () => {
    const adaptive: Rule = {
      ...{ units: ["up_blocks.1"], action: "adaptive" },
      ...{ probe: "down_blocks.0", threshold: 0.1 },
    };
    expect(await computation([adaptive])).toBeUndefined();
  });
});
