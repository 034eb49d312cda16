import type { Unet } from "@phaseskip/graph";
import { PhaseskipError } from "@phaseskip/graph";
import { beforeAll, describe, expect, test } from "vitest";
import { fixtureUnet } from "../../../graph/test/fixtures.js";
import { parsePlan } from "../../src/plan/parse-plan.js";
import type { Context, GuidanceRule, Plan, Rule } from "../../src/plan/plan.js";
import { emptyPlan } from "../../src/plan/plan.js";
import type { ScheduleRequest } from "../../src/schedule/schedule-request.js";
import type { Schedule } from "../../src/schedule/schedule.js";
import { schedulePlan } from "../../src/schedule/schedule.js";
import { wholeSchedule } from "../../src/schedule/whole-schedule.js";

let unet: Unet;
beforeAll(async () => {
  unet = await fixtureUnet("tiny-text-ts");
});

const timesteps = [999, 899.5, 799, 699, 599, 499, 399, 299, 199, 99];
const phases = [
  { name: "early", from: 1000, to: 600 },
  { name: "late", from: 600, to: 0 },
  { name: "middle", from: 800, to: 399 },
];

function schedule(
  rules: readonly Rule[],
  request: Partial<ScheduleRequest> & { extra?: Partial<Plan> } = {},
): Schedule {
  const { extra, ...rest } = request;
  return schedulePlan(unet, {
    plan: parsePlan({
      format: "phaseskip-plan",
      version: 1,
      phases,
      rules,
      ...extra,
    }),
    timesteps,
    numTrainTimesteps: 1000,
    guidanceScale: 1,
    scheduler: "ddim",
    ...rest,
  });
}

/** For each step: `c` where the unit is computed, `0` where it is zeroed, its age where it is reused, `-` where nothing asks for it. */
function strip({ steps }: Schedule, unit: string, context: Context = "cond") {
  return steps
    .map(({ contexts }) => {
      const here = contexts.find((one) => one.context === context);
      if (!here) return " ";
      if (here.computed.includes(unit)) return "c";
      if (here.zeroed.includes(unit)) return "0";
      return here.reused.get(unit)?.toString() ?? "-";
    })
    .join("");
}

const reuse = (units: string[], refresh: unknown, more: Partial<Rule> = {}) =>
  ({ units, action: "reuse", refresh, ...more }) as Rule;
const mid = ["mid_block"];

describe("schedulePlan() refreshes", () => {
  test.each([
    ["every 1", { every: 1 }, undefined, "cccccccccc"],
    ["every 3", { every: 3 }, undefined, "c12c12c12c"],
    [
      "every 3, first at the start of its phase",
      { every: 3 },
      ["late"],
      "ccccc12c12",
    ],
    [
      "every 3, in the middle of the run",
      { every: 3 },
      ["middle"],
      "ccc12c1ccc",
    ],
    ["every 20", { every: 20 }, undefined, "c123456789"],
    [
      "by timesteps: at 200 or more",
      { everyTimesteps: 200 },
      undefined,
      "c1c1c1c1c1",
    ],
    [
      "by timesteps: at more than 200",
      { everyTimesteps: 200.5 },
      undefined,
      "c12c12c12c",
    ],
    [
      "by timesteps that no distance reaches",
      { everyTimesteps: 5000 },
      undefined,
      "c123456789",
    ],
    ["at listed steps only", { at: [0, 1, 6] }, undefined, "cc1234c123"],
    [
      "at listed steps only, without the start of a phase",
      { at: [6] },
      ["late"],
      "cccc12c123",
    ],
    [
      "at the first step at or below listed timesteps",
      { atTimesteps: [999, 799.5, 100] },
      undefined,
      "c1c123456c",
    ],
    [
      "at timesteps above all steps: the first",
      { atTimesteps: [5000] },
      undefined,
      "c123456789",
    ],
    ["never", "never", ["late"], "cccc123456"],
  ])("%s", (_, refresh, names, wanted) => {
    const rule = reuse(mid, refresh, names && { phases: names });
    expect(strip(schedule([rule]), "mid_block")).toBe(wanted);
  });

  test("again at the start of every stretch of steps on which the rule applies", () => {
    const rules = [
      reuse(mid, { every: 4 }),
      { units: mid, phases: ["middle"], action: "run" } as Rule,
    ];
    // steps 2 to 6 run; step 7 begins a new stretch
    expect(strip(schedule(rules), "mid_block")).toBe("c1cccccc12");
    const other = [
      reuse(mid, { every: 4 }),
      reuse(mid, { every: 2 }, { phases: ["middle"] }),
    ];
    expect(strip(schedule(other), "mid_block")).toBe("c1c1c1cc12");
  });

  test("with a cache that any rule has filled", () => {
    const rules = [
      { units: mid, phases: ["early"], action: "run" } as Rule,
      reuse(mid, "never", { phases: ["late"] }),
    ];
    expect(strip(schedule(rules), "mid_block")).toBe("cccc123456");
  });

  test("not by zeros: what is zeroed is not computed", () => {
    const rules = [
      reuse(mid, { at: [0, 9] }),
      { units: mid, phases: ["middle"], action: "zero" } as Rule,
    ];
    expect(strip(schedule(rules), "mid_block")).toBe("c10000078c");
  });

  test("only what a step needs", () => {
    const rules = [
      reuse(["up_blocks.1"], { every: 2 }),
      reuse(mid, { every: 3 }),
    ];
    const made = schedule(rules);
    expect(strip(made, "up_blocks.1")).toBe("c1c1c1c1c1");
    // needed at even steps only: computed at 0, two old at 2, due at 4
    expect(strip(made, "mid_block")).toBe("c-2-c-2-c-");
  });
});

describe("schedulePlan() chooses the last rule that matches", () => {
  test("by unit, phase and context", () => {
    const rules = [
      reuse(["mid_block", "up_blocks.0"], { every: 5 }),
      { units: ["up_blocks.*"], phases: ["late"], action: "run" } as Rule,
      {
        units: mid,
        contexts: ["uncond"],
        phases: ["late"],
        action: "zero",
      } as Rule,
    ];
    const made = schedule(rules, { guidanceScale: 3 });
    expect(strip(made, "mid_block", "uncond").slice(4)).toBe("000000");
    expect(strip(made, "mid_block", "cond").slice(4)).not.toContain("0");
    expect(strip(made, "up_blocks.0").slice(4)).toBe("cccccc");
  });

  test("with a cache of its own for each context", () => {
    const made = schedule(
      [
        reuse(mid, { every: 2 }, { contexts: ["cond"] }),
        reuse(mid, { every: 3 }, { contexts: ["uncond"] }),
      ],
      { guidanceScale: 3 },
    );
    expect(strip(made, "mid_block", "cond")).toBe("c1c1c1c1c1");
    expect(strip(made, "mid_block", "uncond")).toBe("c12c12c12c");
  });

  test("inner units inside outer ones, a skip after its producer", () => {
    const rules = [
      reuse(["down_blocks.0.resnets.0"], { every: 2 }),
      {
        units: ["up_blocks.2.resnets.0.skip"],
        phases: ["late"],
        action: "zero",
      } as Rule,
    ];
    const made = schedule(rules);
    expect(strip(made, "down_blocks.0.resnets.0")).toBe("c1c1c1c1c1");
    expect(strip(made, "up_blocks.2.resnets.0.skip")).toBe("cccc000000");
  });
});

describe("schedulePlan() knows phases", () => {
  const zeroIn = (name: string, extra: Partial<ScheduleRequest> = {}) =>
    strip(
      schedule([{ units: mid, phases: [name], action: "zero" }], extra),
      "mid_block",
    );

  test("to <= t < from, on fractional timesteps too", () => {
    expect(zeroIn("early")).toBe("0000cccccc");
    expect(zeroIn("late")).toBe("cccc000000");
    expect(zeroIn("middle")).toBe("cc00000ccc");
    expect(zeroIn("early", { timesteps: [600, 599.999, 600.001] })).toBe("0c0");
    expect(zeroIn("middle", { timesteps: [800, 799.5, 399, 398.9] })).toBe(
      "c00c",
    );
  });

  test("without an upper end where they reach the training timesteps", () => {
    expect(zeroIn("early", { timesteps: [1000, 1200.5, 500] })).toBe("00c");
    expect(
      zeroIn("early", { timesteps: [1000, 500], numTrainTimesteps: 2000 }),
    ).toBe("cc");
    expect(
      zeroIn("late", { timesteps: [1000, 500], numTrainTimesteps: 600 }),
    ).toBe("00");
  });

  test("that overlap, and time outside of any", () => {
    const rules: Rule[] = [
      { units: mid, phases: ["early", "middle"], action: "zero" },
    ];
    expect(strip(schedule(rules), "mid_block")).toBe("0000000ccc");
  });
});

describe("schedulePlan() runs both contexts where guidance is on", () => {
  const scales = (guidanceScale: number, guidance: Plan["guidance"] = []) =>
    schedule([], { guidanceScale, extra: { guidance } }).steps.map((step) => [
      step.contexts.length,
      step.guidanceScale,
    ]);

  test("at the call's weight", () => {
    expect(scales(3)).toEqual(timesteps.map(() => [2, 3]));
    expect(scales(0)).toEqual(timesteps.map(() => [2, 0]));
    expect(scales(1)).toEqual(timesteps.map(() => [1, undefined]));
  });

  test("but not where the plan puts it off", () => {
    const off = [{ phases: ["late"], action: "off" as const }];
    expect(scales(3, off)).toEqual(
      timesteps.map((t) => (t < 600 ? [1, undefined] : [2, 3])),
    );
    expect(scales(3, [{ action: "off" }])).toEqual(
      timesteps.map(() => [1, undefined]),
    );
  });

  test("at the plan's weight, the last rule that matches", () => {
    const rules = [
      { scale: 5 },
      { phases: ["late"], scale: 2 },
      { phases: ["middle"], scale: 1 },
    ];
    expect(scales(3, rules)).toEqual(
      timesteps.map((t) =>
        t >= 399 && t < 800 ? [1, undefined] : t < 600 ? [2, 2] : [2, 5],
      ),
    );
    expect(scales(1, rules)).toEqual(timesteps.map(() => [1, undefined]));
  });

  test("and what uncond kept outlives steps without it", () => {
    const guidance = [{ phases: ["middle"], action: "off" as const }];
    const made = schedule([reuse(mid, { at: [0] })], {
      guidanceScale: 3,
      extra: { guidance },
    });
    expect(strip(made, "mid_block", "uncond")).toBe("c1     789");
  });
});

describe("schedulePlan() keeps uncond − cond", () => {
  const delta = (refresh: unknown, phases?: string[]) =>
    ({ action: "delta", refresh, ...(phases && { phases }) }) as GuidanceRule;
  /** `b` where both contexts run, `B` where their difference is kept, else its age. */
  const ages = (...guidance: GuidanceRule[]) =>
    schedule([], { guidanceScale: 3, extra: { guidance } })
      .steps.map((step) => {
        expect(step.guidanceScale).toBe(3);
        expect(step.contexts).toHaveLength(step.deltaAge ? 1 : 2);
        return step.deltaAge ?? (step.keepsDelta ? "B" : "b");
      })
      .join("");

  test.each([
    [{ every: 1 }, undefined, "bbbbbbbbbb"],
    [{ every: 3 }, undefined, "B12B12B12b"],
    [{ every: 3 }, ["late"], "bbbbB12B12"],
    [{ at: [0, 4] }, undefined, "B123B12345"],
    [{ everyTimesteps: 200 }, undefined, "B1B1B1B1B1"],
    ["never", ["late"], "bbbB123456"],
  ])("refreshed %j in %j", (refresh, phases, wanted) => {
    expect(ages(delta(refresh, phases))).toBe(wanted);
  });

  test("from whatever ran both last", () => {
    expect(ages(delta("never"), delta({ every: 2 }, ["early"]))).toBe(
      "B1B1234567",
    );
  });

  test("and refuses one that no step computed, or a step beyond the run", () => {
    expect(() => ages(delta("never"))).toThrow(
      "guidance[0] takes uncond − cond at step 0 (timestep 999) from an earlier step that ran both contexts, which none did",
    );
    expect(() => ages({ action: "off" }, delta({ at: [5] }))).toThrow(
      /guidance\[1\] takes uncond/,
    );
    expect(() => ages(delta({ at: [0, 10] }))).toThrow(
      "guidance[0] refreshes at step 10, which must be below the run's 10 steps",
    );
  });
});

describe("schedulePlan() extrapolates and takes means of both contexts", () => {
  test("from as many values as are there", () => {
    const rule = { units: mid, action: "extrapolate", order: 2 };
    const { steps } = schedule([
      { ...rule, refresh: { at: [0, 2, 4, 6] } } as Rule,
    ]);
    const counts = steps.map(({ contexts }) => {
      const [read] = contexts[0]!.reads.values();
      return read?.entries.length ?? 0;
    });
    expect(counts).toEqual([0, 1, 0, 2, 0, 3, 0, 3, 3, 3]);
    for (const { contexts } of steps) {
      for (const { coefficients } of contexts[0]!.reads.values()) {
        const sum = coefficients.reduce((a, b) => a + b, 0);
        expect(sum).toBeCloseTo(1, 10);
      }
    }
  });

  test("makes a mean once, and keeps it in place of its parts", () => {
    const rule = reuse(mid, { at: [0, 5] }, { value: "mean" } as object);
    const { steps } = schedule([rule], { guidanceScale: 3 });
    const held = new Set<string>();
    const sizes = steps.map(({ contexts }) => {
      for (const { stores, drops } of contexts) {
        for (const { entry } of stores) held.add(entry);
        for (const entry of drops) expect(held.delete(entry)).toBe(true);
      }
      return held.size;
    });
    expect(sizes).toEqual([2, 1, 1, 1, 0, 2, 1, 1, 1, 0]);
  });
});

describe("schedulePlan() keeps what later steps reuse, and drops it after its last use", () => {
  test.each([
    [{ every: 4 }, "mid_block"],
    [{ at: [0, 3, 4] }, "mid_block"],
    [{ every: 3 }, "down_blocks.1"],
  ])("%j of %s", (refresh, unit) => {
    const { steps } = schedule([reuse([unit], refresh)], { guidanceScale: 3 });
    for (const context of ["cond", "uncond"] as const) {
      const held = new Set<string>();
      for (const { contexts } of steps) {
        const here = contexts.find((one) => one.context === context)!;
        if (here.reused.size > 0) expect(held.size).toBeGreaterThan(0);
        for (const { entry } of here.stores) held.add(entry);
        for (const entry of here.drops) expect(held.delete(entry)).toBe(true);
      }
      expect(held.size).toBe(0);
    }
  });

  test("and has one signature for each distinct set of actions", () => {
    const rules = [
      reuse(mid, { every: 2 }),
      reuse(["up_blocks.1"], { every: 3 }),
    ];
    const { signatures, steps } = schedule(rules, { guidanceScale: 3 });
    // nothing reused; up_blocks.1 (and with it mid_block) reused; mid_block alone is never due between
    const used = new Set(
      steps.flatMap(({ contexts }) => contexts.map((one) => one.signature)),
    );
    expect(used.size).toBe(signatures.length);
    expect(signatures.length).toBeLessThanOrEqual(3);
    for (const { contexts } of steps)
      expect(contexts[0]!.signature).toBe(contexts[1]!.signature);
  });
});

describe("schedulePlan() refuses", () => {
  function failure(...given: Parameters<typeof schedule>): string {
    try {
      schedule(...given);
    } catch (error) {
      expect(error).toBeInstanceOf(PhaseskipError);
      expect(error).toMatchObject({ code: "plan-invalid" });
      return (error as Error).message;
    }
    throw new Error("the plan was taken");
  }

  test("a needed value that was never computed: rule, unit, step, timestep, context", () => {
    expect(failure([reuse(mid, "never")])).toMatch(
      /rules\[0\] reuses mid_block at step 0 \(timestep 999, cond\)/,
    );
    const run = { units: mid, action: "run" } as Rule;
    const late = reuse(
      ["mid_block", "up_blocks.1"],
      { at: [6] },
      { contexts: ["uncond"] },
    );
    expect(failure([run, late], { guidanceScale: 3 })).toMatch(
      /rules\[1\] reuses up_blocks.1 at step 0 \(timestep 999, uncond\)/,
    );
    const zero = {
      units: ["up_blocks.1"],
      phases: ["early"],
      action: "zero",
    } as Rule;
    expect(
      failure([zero, reuse(["mid_block"], "never", { phases: ["late"] })]),
    ).toMatch(
      /rules\[1\] reuses mid_block at step 4 \(timestep 599, cond\), where its value is needed/,
    );
  });

  test("but not a value that nothing needs", () => {
    const made = schedule([
      { units: ["up_blocks.1"], action: "zero" },
      reuse(mid, "never"),
    ]);
    expect(strip(made, "mid_block")).toBe("----------");
    expect(made.warnings).toEqual([
      expect.stringContaining("rules[1] (reuse mid_block)"),
    ]);
  });

  test("patterns that match no unit, and says which ones are near", () => {
    expect(failure([reuse(["up_blocks.7"], "never")])).toMatch(
      /rules\[0\] must name units of this model: "up_blocks.7" matches none of its \d+ \(such as up_blocks\.\d/,
    );
    expect(failure([reuse(["mid_block", "**.attn3"], { every: 2 })])).toContain(
      '"**.attn3"',
    );
    expect(
      failure([reuse(["down_blocks.0.resnets.0.skip"], { every: 2 })]),
    ).toContain(".skip");
  });

  test("steps beyond the run", () => {
    expect(
      failure([reuse(mid, { at: [0, 9] }), reuse(mid, { at: [0, 10] })]),
    ).toMatch(
      /rules\[1\] refreshes at step 10, which must be below the run's 10 steps/,
    );
  });

  test.each([
    [
      { schedulers: ["euler", "pndm"] },
      /scheduler euler or pndm: this run has ddim/,
    ],
    [
      { numInferenceSteps: [20, 50] },
      /numInferenceSteps from 20 to 50: this run has 10/,
    ],
    [
      { numInferenceSteps: [1, 9] },
      /numInferenceSteps from 1 to 9: this run has 10/,
    ],
    [{ guidanceScale: [2, 5] }, /guidanceScale from 2 to 5: this run has 1/],
  ])("a run outside of what the plan is valid for: %j", (valid, says) => {
    expect(
      failure([], { extra: { valid } as unknown as Partial<Plan> }),
    ).toMatch(says);
  });

  test("but not one inside, both ends inclusive", () => {
    const valid = {
      schedulers: ["ddim"],
      numInferenceSteps: [10, 10],
      guidanceScale: [1, 5],
    } as const;
    expect(() => schedule([], { extra: { valid } })).not.toThrow();
    expect(() =>
      schedule([], { guidanceScale: 5, extra: { valid } }),
    ).not.toThrow();
  });
});

describe("schedulePlan() refuses what a unit cannot do, by rule, unit, step and context", () => {
  const late = { phases: ["late"], contexts: ["uncond"] as Context[] };
  test.each([
    [
      { units: ["down_blocks.0"], action: "bypass" },
      /^Cannot run the plan as rules\[0\] bypasses down_blocks\.0 at step 0 \(timestep 999, cond\), whose output must have its main input's shape, float \[.*\]: it has float \[/,
    ],
    [
      { units: ["conv_in"], action: "bypass", ...late },
      /rules\[0\] bypasses conv_in at step 4 \(timestep 599, uncond\), whose output/,
    ],
    [
      { units: ["down_blocks.0"], action: "zero", value: "residual" },
      /rules\[0\] takes the residual of down_blocks\.0 at step 0 .*, which must have one output: it has \d/,
    ],
    [
      {
        units: ["up_blocks.1"],
        action: "reuse",
        value: "residual",
        refresh: { every: 2 },
      },
      /rules\[0\] takes the residual of up_blocks\.1 at step 1 .*, whose output must have its main input's shape/,
    ],
    [
      { units: ["**.ff"], action: "scale", factor: 2, lowPass: 1 },
      /rules\[0\] scales \S+\.ff at step 0 .*, whose output must be \[batch, channel, height, width\]/,
    ],
    [
      { units: ["conv_in"], action: "scale", factor: 2, channels: [0.5, 0.51] },
      /rules\[0\] scales conv_in at step 0 .*, of which channels must choose at least one: \[0\.5, 0\.51\] of \d+ is none/,
    ],
    [
      { units: mid, action: "extrapolate", order: 1, refresh: "never" },
      /rules\[0\] extrapolates mid_block at step 0 .*no earlier step computed it/,
    ],
    [
      { units: mid, action: "mean" },
      /rules\[0\] puts means in place of mid_block, which the run must be given as the option means/,
    ],
    [
      { units: mid, action: "adaptive", probe: "down_blocks.9", threshold: 1 },
      /rules\[0\]\.probe must be the path of a unit of this model: current value is "down_blocks.9"/,
    ],
    [
      { units: mid, action: "adaptive", probe: "up_blocks.0", threshold: 1 },
      /rules\[0\]\.probe must not depend on the units that it decides about, mid_block among them/,
    ],
    [
      {
        units: mid,
        action: "adaptive",
        probe: "mid_block.resnets.0",
        threshold: 1,
      },
      /rules\[0\]\.probe must lie outside of the units that it decides about, mid_block among them/,
    ],
  ] as unknown as [Rule, RegExp][])("%j", (rule, says) => {
    expect(() => schedule([rule], { guidanceScale: 3 })).toThrow(says);
  });

  test("under any outcome of adaptive rules", () => {
    const adaptive = {
      units: ["up_blocks.1"],
      action: "adaptive",
      probe: "down_blocks.0",
      threshold: 1,
    } as Rule;
    // needed only where the adaptive rule computes: in the late phase it may, or not
    const rules = [
      reuse(mid, "never", { phases: ["late"] }),
      { units: mid, phases: ["early"], action: "zero" } as Rule,
      adaptive,
    ];
    expect(() => schedule(rules)).toThrow(
      /rules\[0\] reuses mid_block at step 4 \(timestep 599, cond\)/,
    );
    expect(schedule([adaptive]).warnings).toEqual([]);
  });

  test("means that do not fit", () => {
    const rule = { units: mid, action: "mean" } as Rule;
    const means = (units: Record<string, Float32Array[]>) => () =>
      schedule([rule], { means: { timesteps: [100, 500], units } });
    expect(means({ conv_in: [] })).toThrow("which the means must hold");
    expect(means({ mid_block: [new Float32Array(3)] })).toThrow(
      /whose means must have \[\d+\] values by output.*they have \[3\]/,
    );
  });

  test("decisions that lack one", () => {
    const rule = {
      units: mid,
      action: "adaptive",
      probe: "conv_in",
      threshold: 1,
    } as Rule;
    expect(() => schedule([rule], { decisions: [] })).toThrow(
      "Cannot run the plan as decisions must hold one of rules[0] at step 1 (cond): none of the 0 given is",
    );
  });
});

describe("schedulePlan() warns of rules without effect", () => {
  test.each([
    [
      "in a phase that no step is in",
      { units: mid, phases: ["early"], action: "zero" },
      { timesteps: [500, 100] },
    ],
    [
      "in a context that does not run",
      { units: mid, contexts: ["uncond"], action: "zero" },
      {},
    ],
    ["in no phase at all", { units: mid, phases: [], action: "zero" }, {}],
  ])("%s", (_, rule, request) => {
    expect(schedule([rule as Rule], request).warnings).toEqual([
      "rules[0] (zero mid_block) applies at no step of this run",
    ]);
  });

  test("which a later one hides, and of no others", () => {
    const rules = [
      reuse(mid, { every: 2 }),
      { units: mid, action: "run" } as Rule,
    ];
    expect(schedule(rules).warnings).toEqual([
      "rules[0] (reuse mid_block) applies at no step of this run",
    ]);
    expect(schedule([reuse(mid, { every: 2 })]).warnings).toEqual([]);
  });

  test("of guidance too", () => {
    const guidance = [
      { phases: ["late"], scale: 2 },
      { phases: ["late"], action: "off" as const },
    ];
    const warnings = (guidanceScale: number) =>
      schedule([], { guidanceScale, extra: { guidance } }).warnings;
    expect(warnings(3)).toEqual(["guidance[0] applies at no step of this run"]);
    expect(warnings(1)).toHaveLength(2);
  });
});

describe("wholeSchedule()", () => {
  const guidances: [string, Partial<ScheduleRequest>][] = [
    ["without guidance", { guidanceScale: 1 }],
    ["with guidance", { guidanceScale: 7.5 }],
    ["in one context", { guidanceScale: 3, contexts: ["cond"] }],
    ["in three", { guidanceScale: 3, contexts: ["cond", "image", "uncond"] }],
  ];
  test.each(guidances)(
    "is the schedule of the plan that does nothing, %s",
    (_, guidance) => {
      const request = {
        plan: emptyPlan,
        timesteps,
        numTrainTimesteps: 1000,
        guidanceScale: 1,
        scheduler: "ddim",
        ...guidance,
      };
      expect(wholeSchedule(unet, request)).toEqual(schedulePlan(unet, request));
    },
  );
});
