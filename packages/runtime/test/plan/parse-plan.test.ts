import { PhaseskipError } from "@phaseskip/graph";
import { describe, expect, test } from "vitest";
import { parsePlan } from "../../src/plan/parse-plan.js";

const hash = `sha256:${"0123456789abcdef".repeat(4)}`;

/** A plan with every field that there is. */
const full = {
  format: "phaseskip-plan",
  version: 1,
  name: "balanced",
  description: "Every field once.",
  phases: [
    { name: "composition", from: 1000, to: 600 },
    { name: "denoising", from: 600, to: 0 },
  ],
  rules: [
    {
      units: ["up_blocks.1"],
      phases: ["denoising"],
      action: "reuse",
      refresh: { every: 3 },
    },
    {
      units: ["mid_block", "**.skip"],
      phases: ["composition"],
      action: "reuse",
      refresh: { at: [0, 1, 5] },
    },
    { units: ["**.attn2"], action: "reuse", value: "output", refresh: "never" },
    {
      units: ["down_blocks.2.resnets.*"],
      action: "reuse",
      refresh: { everyTimesteps: 60.5 },
    },
    {
      units: ["conv_in"],
      action: "reuse",
      refresh: { atTimesteps: [900, 450.25] },
    },
    {
      units: ["up_blocks.2.resnets.0.skip"],
      phases: ["composition", "denoising"],
      action: "zero",
      contexts: ["uncond"],
    },
    { units: ["up_blocks.0"], action: "run", contexts: ["cond", "uncond"] },
    { units: ["conv_in"], action: "zero", value: "residual" },
    { units: ["**.ff"], action: "reuse", value: "mean", refresh: "never" },
    { units: ["mid_block.resnets.0"], action: "bypass" },
    { units: ["mid_block.resnets.1"], action: "mean" },
    {
      units: ["up_blocks.1.resnets.1.skip"],
      action: "scale",
      factor: 0.9,
      channels: [0, 0.5],
      lowPass: 1,
    },
    {
      units: ["up_blocks.1.attentions.0"],
      action: "extrapolate",
      order: 2,
      refresh: { every: 4 },
    },
    {
      units: ["up_blocks.2"],
      action: "adaptive",
      probe: "down_blocks.0",
      threshold: 0.12,
      maxConsecutive: 4,
      warmup: 3,
    },
  ],
  guidance: [
    { phases: ["denoising"], action: "off" },
    { scale: 5 },
    { action: "delta", refresh: { every: 2 } },
  ],
  steps: { numInferenceSteps: 40 },
  model: { unet: hash },
  valid: {
    schedulers: ["ddim"],
    numInferenceSteps: [40, 60],
    guidanceScale: [2, 5],
  },
  calibration: { ssim: 0.97 },
};

describe("parsePlan() takes", () => {
  test("a plan with every field, and keeps what it says", () => {
    expect(parsePlan(full)).toEqual(full);
  });

  test("its own result", () => {
    expect(parsePlan(parsePlan(full))).toEqual(parsePlan(full));
  });

  test("a plan of the fewest fields", () => {
    const plan = { format: "phaseskip-plan", version: 1, rules: [] };
    expect(parsePlan(plan)).toEqual({ ...plan, phases: [], guidance: [] });
  });

  test("timesteps in place of a number of steps", () => {
    const steps = { timesteps: [999, 500.5, 0] };
    expect(parsePlan({ ...full, steps }).steps).toEqual(steps);
  });
});

/** The plan with the field at `path` replaced; undefined removes it. */
function changed(path: string, value: unknown): unknown {
  const copy = structuredClone(full) as unknown;
  const keys = path.split(".");
  const last = keys.pop()!;
  let at = copy as Record<string, unknown>;
  for (const key of keys) at = at[key] as Record<string, unknown>;
  if (value === undefined) delete at[last];
  else at[last] = value;
  return copy;
}

const forecast = {
  ...{ units: ["up_blocks.1"], action: "forecast", values: 2 },
  refresh: { every: 2 },
};

/** Where it is wrong, by what, how the message names the place, and what it says would be right. */
const wrong: [path: string, value: unknown, place: string, wanted: string][] = [
  ["format", "phaseskip", "format", '"phaseskip-plan"'],
  ["format", undefined, "format", '"phaseskip-plan"'],
  ["version", 2, "version", "must be 1"],
  ["version", "1", "version", "must be 1"],
  ["version", undefined, "version", "must be 1"],
  ["name", 5, "name", "a string"],
  ["description", ["x"], "description", "a string"],
  ["phase", [], "the plan", "may have the fields format, version"],
  ["phases", {}, "phases", "a list"],
  ["phases.0", "composition", "phases[0]", "an object"],
  ["phases.0", null, "phases[0]", "an object"],
  ["phases.0.name", undefined, "phases[0].name", "a string"],
  ["phases.1.name", "composition", "phases[1].name", "of its own"],
  ["phases.0.from", "1000", "phases[0].from", "a number"],
  ["phases.0.from", undefined, "phases[0].from", "a number"],
  ["phases.0.to", null, "phases[0].to", "a number"],
  ["phases.0.from", 500, "phases[0]", "from above to"],
  ["phases.0.from", 600, "phases[0]", "from above to"],
  ["phases.1.to", 1e6, "phases[1]", "from above to"],
  ["phases.0.until", 1, "phases[0]", "may have the fields name, from, to"],
  ["rules", undefined, "rules", "a list"],
  ["rules", { units: [] }, "rules", "a list"],
  ["rules.0", "skip", "rules[0]", "an object"],
  ["rules.0", ["up_blocks.1"], "rules[0]", "an object"],
  ["rules.0.units", undefined, "rules[0].units", "a list"],
  ["rules.0.units", "up_blocks.1", "rules[0].units", "a list"],
  ["rules.0.units", [], "rules[0].units", "at least one unit"],
  ["rules.1.units.0", 3, "rules[1].units[0]", "a string"],
  ["rules.1.units.0", ".", "rules[1].units[0]", "path elements"],
  ["rules.1.units.0", "up_blocks.", "rules[1].units[0]", "path elements"],
  ["rules.1.units.0", "up_blocks..1", "rules[1].units[0]", "path elements"],
  ["rules.1.units.0", "up_blocks/1", "rules[1].units[0]", "path elements"],
  ["rules.1.units.0", "up_*", "rules[1].units[0]", "each a name, * or **"],
  ["rules.1.units.1", "***.skip", "rules[1].units[1]", "each a name, * or **"],
  ["rules.0.phases", "denoising", "rules[0].phases", "a list"],
  [
    "rules.0.phases",
    ["late"],
    "rules[0].phases[0]",
    "one of the plan's phases (composition, denoising)",
  ],
  ["rules.0.phases", [1], "rules[0].phases[0]", "a string"],
  ["rules.5.contexts", "uncond", "rules[5].contexts", "a list"],
  [
    "rules.5.contexts",
    ["negative"],
    "rules[5].contexts[0]",
    '"cond", "image" or "uncond"',
  ],
  [
    "rules.0.action",
    undefined,
    "rules[0].action",
    "must be run, reuse, zero, bypass",
  ],
  [
    "rules.0.action",
    "skip",
    "rules[0].action",
    "must be run, reuse, zero, bypass",
  ],
  [
    "rules.0.every",
    3,
    "rules[0]",
    "may have the fields units, phases, contexts, action, refresh",
  ],
  [
    "rules.5.refresh",
    "never",
    "rules[5]",
    "may have the fields units, phases, contexts, action",
  ],
  [
    "rules.6.value",
    "output",
    "rules[6]",
    "may have the fields units, phases, contexts, action",
  ],
  ["rules.7.value", "mean", "rules[7].value", "one of output, residual"],
  ["rules.8.value", "means", "rules[8].value", "output, residual, mean"],
  ["rules.9.factor", 2, "rules[9]", "phases, contexts, action"],
  ["rules.10.refresh", "never", "rules[10]", "phases, contexts, action"],
  ["rules.11.factor", undefined, "rules[11].factor", "a number"],
  ["rules.11.factor", "2", "rules[11].factor", "a number"],
  ["rules.11.factor", 1e300, "rules[11].factor", "that float32 holds"],
  ["rules.11.channels", 0.5, "rules[11].channels", "a list"],
  ["rules.11.channels", [0.5], "rules[11].channels", "[from, to]"],
  ["rules.11.channels", [0.5, 0.5], "rules[11].channels", "[from, to]"],
  ["rules.11.channels", [0, 1.5], "rules[11].channels", "[from, to]"],
  ["rules.11.channels", [-0.5, 1], "rules[11].channels", "[from, to]"],
  ["rules.11.channels", [0, 0.5, 1], "rules[11].channels", "[from, to]"],
  ["rules.11.lowPass", 0, "rules[11].lowPass", "integer of at least 1"],
  ["rules.11.lowPass", 1.5, "rules[11].lowPass", "integer of at least 1"],
  ["rules.11.highPass", 1, "rules[11]", "factor, channels, lowPass"],
  ["rules.12.order", undefined, "rules[12].order", "an integer in [0, 4]"],
  ["rules.12.order", 5, "rules[12].order", "an integer in [0, 4]"],
  ["rules.12.order", 1.5, "rules[12].order", "an integer in [0, 4]"],
  ["rules.12.refresh", undefined, "rules[12].refresh", '"never" or one of'],
  ["rules.12.value", "output", "rules[12]", "order, refresh"],
  ["rules.13.probe", undefined, "rules[13].probe", "a string"],
  ["rules.13.threshold", undefined, "rules[13].threshold", "a number"],
  ["rules.13.threshold", -0.1, "rules[13].threshold", "at least 0"],
  ["rules.13.maxConsecutive", 0, "rules[13].maxConsecutive", "at least 1"],
  ["rules.13.warmup", -1, "rules[13].warmup", "at least 0"],
  ["rules.13.warmup", 1.5, "rules[13].warmup", "an integer"],
  ["rules.13.refresh", "never", "rules[13]", "probe, threshold"],
  ["guidance.2.refresh", undefined, "guidance[2].refresh", '"never" or one of'],
  ["guidance.2.scale", 3, "guidance[2]", "fields phases, action, refresh"],
  ["guidance.0.refresh", "never", "guidance[0]", "fields phases, action:"],
  ["rules.2.value", "input", "rules[2].value", "output, residual, mean"],
  [
    "rules.0.refresh",
    undefined,
    "rules[0].refresh",
    '"never" or one of every, everyTimesteps, at, atTimesteps',
  ],
  ["rules.0.refresh", "always", "rules[0].refresh", '"never" or one of'],
  ["rules.0.refresh", 3, "rules[0].refresh", '"never" or one of'],
  ["rules.0.refresh", {}, "rules[0].refresh", '"never" or one of'],
  ["rules.0.refresh", [3], "rules[0].refresh", '"never" or one of'],
  [
    "rules.0.refresh",
    { every: 2, at: [0] },
    "rules[0].refresh",
    '"never" or one of',
  ],
  ["rules.0.refresh", { each: 2 }, "rules[0].refresh", '"never" or one of'],
  [
    "rules.0.refresh.every",
    0,
    "rules[0].refresh.every",
    "an integer of at least 1",
  ],
  [
    "rules.0.refresh.every",
    2.5,
    "rules[0].refresh.every",
    "an integer of at least 1",
  ],
  [
    "rules.0.refresh.every",
    "3",
    "rules[0].refresh.every",
    "an integer of at least 1",
  ],
  ["rules.1.refresh.at", 3, "rules[1].refresh.at", "a list"],
  [
    "rules.1.refresh.at.1",
    -1,
    "rules[1].refresh.at[1]",
    "an integer of at least 0",
  ],
  [
    "rules.1.refresh.at.1",
    1.5,
    "rules[1].refresh.at[1]",
    "an integer of at least 0",
  ],
  [
    "rules.3.refresh.everyTimesteps",
    0,
    "rules[3].refresh.everyTimesteps",
    "above 0",
  ],
  [
    "rules.3.refresh.everyTimesteps",
    true,
    "rules[3].refresh.everyTimesteps",
    "a number",
  ],
  [
    "rules.4.refresh.atTimesteps",
    900,
    "rules[4].refresh.atTimesteps",
    "a list",
  ],
  [
    "rules.4.refresh.atTimesteps.0",
    "900",
    "rules[4].refresh.atTimesteps[0]",
    "a number",
  ],
  ["guidance", { action: "off" }, "guidance", "a list"],
  ["guidance.0", "off", "guidance[0]", "an object"],
  [
    "guidance.0.action",
    "on",
    "guidance[0]",
    '"action": "off", "action": "delta"',
  ],
  [
    "guidance.0.action",
    undefined,
    "guidance[0]",
    '"action": "off", "action": "delta"',
  ],
  ["guidance.0.scale", 5, "guidance[0]", "may have the fields phases, action"],
  ["guidance.1.scale", "5", "guidance[1].scale", "a number"],
  ["guidance.1.factor", 2, "guidance[1]", "may have the fields phases, scale"],
  [
    "guidance.0.phases",
    ["late"],
    "guidance[0].phases[0]",
    "one of the plan's phases",
  ],
  ["steps", 40, "steps", "an object"],
  ["steps", {}, "steps", "numInferenceSteps or timesteps"],
  ...(
    [
      [{ values: 1 }, "rules[0].values", "an integer of at least 2"],
      [{ values: 5 }, "rules[0].values", "an integer in [2, 4]"],
      [{ basis: undefined }, "rules[0]", "coefficients with steps, or a basis"],
      [{ coefficients: [[1]] }, "rules[0]", "coefficients with steps, or a"],
      [{ basis: "tailor" }, "rules[0].basis", "one of taylor, hermite"],
      [{ steps: [1] }, "rules[0].steps", "must go with coefficients"],
      [{ order: 1 }, "rules[0]", "may have the fields"],
      [{ refresh: undefined }, "rules[0].refresh", '"never" or one of'],
    ] as const
  ).map(([change, ...said]): (typeof wrong)[number] => [
    "rules.0",
    { ...forecast, basis: "taylor", ...change },
    ...said,
  ]),
  ...(
    [
      [{ steps: undefined }, "rules[0].steps", "a list"],
      [{ steps: [3] }, "rules[0].steps", "2 rising step indices"],
      [{ steps: [5, 3] }, "rules[0].steps", "2 rising step indices"],
      [
        { coefficients: [[1, 2, 3], [1]] },
        "rules[0].coefficients[0]",
        "1 to 2",
      ],
      [
        { coefficients: [[], [1]] },
        "rules[0].coefficients[0]",
        "1 to 2 numbers",
      ],
      [
        { coefficients: [["1"], [1]] },
        "rules[0].coefficients[0][0]",
        "a number",
      ],
      [{ ages: [[1, 2]] }, "rules[0].ages", "must have 2 rows"],
      [
        {
          ages: [
            [2, 1],
            [1, 2],
          ],
        },
        "rules[0].ages[0]",
        "2 rising numbers",
      ],
      [{ ages: [[1], [1, 2]] }, "rules[0].ages[0]", "2 rising numbers"],
      [
        {
          ages: [
            [0, 1],
            [1, 2],
          ],
        },
        "rules[0].ages[0][0]",
        "at least 1",
      ],
    ] as const
  ).map(([change, ...said]): (typeof wrong)[number] => [
    "rules.0",
    {
      ...forecast,
      steps: [3, 5],
      coefficients: [
        [1, 0],
        [2, -1],
      ],
      ...change,
    },
    ...said,
  ]),
  [
    "rules.0",
    { units: [""], action: "zero" },
    "rules[0].action",
    "for the whole Unet",
  ],
  [
    "rules.0",
    { units: [""], action: "reuse", value: "residual", refresh: "never" },
    "rules[0].action",
    "for the whole Unet",
  ],
  [
    "guidance.0",
    { action: "delta", refresh: { every: 2 }, values: 2 },
    "guidance[0]",
    "coefficients with steps, or a basis",
  ],
  ["steps.timesteps", [1], "steps", "numInferenceSteps or timesteps"],
  [
    "steps.count",
    40,
    "steps",
    "may have the fields numInferenceSteps, timesteps",
  ],
  [
    "steps.numInferenceSteps",
    0,
    "steps.numInferenceSteps",
    "an integer of at least 1",
  ],
  ["steps", { timesteps: 999 }, "steps.timesteps", "a list"],
  ["steps", { timesteps: ["999"] }, "steps.timesteps[0]", "a number"],
  ["steps", { timesteps: [] }, "steps.timesteps", "at least one timestep"],
  ["steps", { timesteps: [0, 500] }, "steps.timesteps", "from the noisiest"],
  ["steps", { timesteps: [500, -1] }, "steps.timesteps", "none below 0"],
  ["model", hash, "model", "an object"],
  ["model.unet", "0123", "model.unet", "sha256: and 64 hexadecimal digits"],
  ["model.unet", 5, "model.unet", "a string"],
  ["model.vae", hash, "model", "may have the fields unet"],
  ["valid", [], "valid", "an object"],
  ["valid.sampler", ["ddim"], "valid", "may have the fields schedulers"],
  ["valid.schedulers", "ddim", "valid.schedulers", "a list"],
  ["valid.schedulers", [1], "valid.schedulers[0]", "a string"],
  ["valid.numInferenceSteps", 40, "valid.numInferenceSteps", "a list"],
  [
    "valid.numInferenceSteps",
    [60, 40],
    "valid.numInferenceSteps",
    "[lowest, highest]",
  ],
  ["valid.guidanceScale", [2], "valid.guidanceScale", "[lowest, highest]"],
  [
    "valid.guidanceScale",
    [1, 2, 3],
    "valid.guidanceScale",
    "[lowest, highest]",
  ],
  ["valid.guidanceScale.0", "2", "valid.guidanceScale[0]", "a number"],
];

function failure(plan: unknown): PhaseskipError {
  try {
    parsePlan(plan);
  } catch (error) {
    if (error instanceof PhaseskipError) return error;
    throw error;
  }
  throw new Error("the plan was taken");
}

describe("parsePlan() names the place, what would be right, and what was found", () => {
  test.each(wrong)("%s: %j", (path, value, place, wanted) => {
    const { code, message } = failure(changed(path, value));
    expect(code).toBe("plan-invalid");
    expect(message).toMatch(
      /^Cannot read the plan as .* (must|may) .*: found ./,
    );
    expect(message).toContain(` as ${place} `);
    expect(message).toContain(wanted);
    expect(message.split("\n")).toHaveLength(1);
    expect(message.length).toBeLessThan(300);
  });

  test.each([[null], [undefined], [5], ["balanced"], [[]], [true]])(
    "no plan at all: %j",
    (value) => {
      expect(failure(value)).toMatchObject({
        code: "plan-invalid",
        message: expect.stringContaining("a plan must be an object") as string,
      });
    },
  );

  test("what JSON cannot hold", () => {
    for (const value of [() => 1, Symbol("x"), undefined]) {
      expect(failure({ ...full, format: value }).code).toBe("plan-invalid");
    }
    expect(failure(changed("phases.0.from", NaN)).message).toContain(
      "phases[0].from must be a number",
    );
  });

  test("and cuts what was found where it is long", () => {
    const { message } = failure(changed("rules.0.action", "x".repeat(500)));
    expect(message.length).toBeLessThan(210);
    expect(message).toMatch(/x…$/);
  });
});
