// Wrong plans, made from good ones by one mistake each: what a person mistypes, and what a program gets wrong. Each is
// refused before anything runs, by a message that says where, what would be right, and what was found.

import { PhaseskipError } from "@phaseskip/graph";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parsePlan } from "../../src/plan/parse-plan.js";
import { schedulePlan } from "../../src/schedule/schedule.js";
import { openDevice } from "../../src/device/session.js";
import type { OpenUnet } from "../unet/unet-runs.js";
import { openUnet } from "../unet/unet-runs.js";

/** A good plan: it parses, and runs on the model below. */
const good = {
  format: "phaseskip-plan",
  version: 1,
  name: "good",
  description: "Every kind of field.",
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
      units: ["mid_block"],
      phases: ["composition"],
      contexts: ["cond"],
      action: "reuse",
      refresh: { at: [0, 1] },
    },
    {
      units: ["up_blocks.2.resnets.0.skip"],
      phases: ["composition"],
      action: "zero",
      contexts: ["uncond"],
    },
    {
      units: ["down_blocks.1.resnets.0"],
      action: "reuse",
      value: "output",
      refresh: { everyTimesteps: 150 },
    },
    {
      units: ["down_blocks.0"],
      action: "reuse",
      refresh: { atTimesteps: [1000, 500] },
    },
  ],
  guidance: [
    { phases: ["denoising"], action: "off" },
    { phases: ["composition"], scale: 3 },
  ],
  steps: { numInferenceSteps: 6 },
  model: { unet: `sha256:${"0".repeat(64)}` },
  valid: {
    schedulers: ["ddim"],
    numInferenceSteps: [4, 8],
    guidanceScale: [1, 9],
  },
  calibration: { ssim: 0.9 },
};

const timesteps = [950, 800, 650, 400, 250, 100];

let open: OpenUnet;
beforeAll(async () => {
  open = await openUnet(
    "tiny-text-ts",
    await openDevice("wasm", { threads: 1 }),
  );
});
afterAll(() => open.close());

function schedule(plan: unknown, guidanceScale = 3): void {
  schedulePlan(open.unet, {
    plan: parsePlan(plan),
    timesteps,
    numTrainTimesteps: 1000,
    guidanceScale,
    scheduler: "ddim",
  });
}

function failure(plan: unknown): string {
  try {
    schedule(plan);
  } catch (error) {
    expect(error).toBeInstanceOf(PhaseskipError);
    expect((error as PhaseskipError).code).toBe("plan-invalid");
    return (error as PhaseskipError).message;
  }
  throw new Error(`taken for a good plan: ${String(JSON.stringify(plan))}`);
}

type Keys = readonly (string | number)[];
type Holder = Record<string | number, unknown>;

/** A copy with one place changed; `change` gets what holds it, and its key there. */
function mutated(
  plan: unknown,
  keys: Keys,
  change: (holder: Holder, key: string | number) => void,
): unknown {
  const copy = structuredClone(plan);
  let holder = copy as Holder;
  for (const key of keys.slice(0, -1)) holder = holder[key] as Holder;
  change(holder, keys.at(-1)!);
  return copy;
}

const replaced = (plan: unknown, keys: Keys, value: unknown) =>
  mutated(plan, keys, (holder, key) => (holder[key] = value));

/** Every place in a plan whose value satisfies the test; what `calibration` holds is anyone's. */
function places(
  value: unknown,
  isWanted: (value: unknown, keys: Keys) => boolean,
  keys: Keys = [],
): Keys[] {
  if (keys[0] === "calibration") return [];
  const here = keys.length > 0 && isWanted(value, keys) ? [keys] : [];
  const inside =
    typeof value === "object" && value !== null
      ? Object.keys(value).flatMap((key) =>
          places((value as Holder)[key], isWanted, [
            ...keys,
            Array.isArray(value) ? Number(key) : key,
          ]),
        )
      : [];
  return [...here, ...inside];
}

/** `rules[0].refresh.every` */
const written = (keys: Keys) =>
  keys
    .map((key) => (typeof key === "number" ? `[${key}]` : `.${key}`))
    .join("")
    .replace(/^\./, "");

const isNumber = (value: unknown) => typeof value === "number";
const isText = (value: unknown) => typeof value === "string";
const isList = (value: unknown) => Array.isArray(value);
const isObject = (value: unknown) =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isField = (_: unknown, keys: Keys) => typeof keys.at(-1) === "string";
const endsWith =
  (...fields: string[]) =>
  (_: unknown, keys: Keys) =>
    fields.includes(String(keys.at(-1)));

const circular: Record<string, unknown> = {};
circular["itself"] = circular;

describe("a good plan", () => {
  test("runs", () => schedule(good));
});

/** Kinds of mistakes that are made at every place where they can be. */
const everywhere: [
  kind: string,
  where: (value: unknown, keys: Keys) => boolean,
  wrong: unknown,
][] = [
  ["null", () => true, null],
  ["true", () => true, true],
  ["a function", () => true, () => 1],
  ["a BigInt", () => true, 1n],
  ["an object that holds itself", () => true, circular],
  ["an empty text for a number", isNumber, ""],
  ["a number as a text", isNumber, "3"],
  ["NaN", isNumber, NaN],
  ["Infinity", isNumber, Infinity],
  ["minus Infinity", isNumber, -Infinity],
  ["a number for a text", isText, 3],
  ["a list for a text", isText, ["x"]],
  ["a text for a list", isList, "all"],
  ["an object for a list", isList, {}],
  ["a number for a list", isList, 3],
  ["a text for an object", isObject, "all"],
  ["a list for an object", isObject, []],
  ["a number for an object", isObject, 7],
];

describe("a plan is refused with", () => {
  test.each(everywhere)("%s, anywhere", (_, where, wrong) => {
    const found = places(good, where);
    expect(found.length).toBeGreaterThan(3);
    for (const keys of found) {
      const copy = mutated(good, keys, () => undefined);
      let holder = copy as Holder;
      for (const key of keys.slice(0, -1)) holder = holder[key] as Holder;
      holder[keys.at(-1)!] = wrong;
      const message = failure(copy);
      // the place, or what holds it
      const named = [keys, keys.slice(0, -1)].some((part) =>
        message.includes(`as ${written(part) || "the plan"}`),
      );
      expect(named, `${written(keys)}: ${message}`).toBe(true);
      expect(message).toMatch(
        /^Cannot read the plan as \S.* (must|may) .+: found ./,
      );
      expect(message.length).toBeLessThan(300);
    }
  });

  test("a field that is misspelt, anywhere: the message suggests the right one", () => {
    for (const keys of places(good, isField)) {
      const field = String(keys.at(-1));
      // two letters swapped, at the field's end
      const typo = `${field.slice(0, -2)}${field.at(-1)!}${field.at(-2)!}`;
      const plan = mutated(good, keys, (holder, key) => {
        holder[typo] = holder[key];
        delete holder[key];
      });
      const message = failure(plan);
      const place = written(keys.slice(0, -1));
      expect(message).toContain(place);
      // what is missing may be noticed first
      const isMissed = message.includes(`${place}.${field}`.replace(/^\./, ""));
      const isSuggested = message.includes(`did you mean ${field}?`);
      expect(isMissed || isSuggested || field === "to", message).toBe(true);
    }
  });

  test("a field too many, anywhere: the message lists those there are", () => {
    for (const keys of [[], ...places(good, isObject)]) {
      for (const field of ["comment", "constructor", "toString", "x"]) {
        const plan = structuredClone(good) as unknown as Holder;
        const holder = keys.reduce<Holder>(
          (at, key) => at[key] as Holder,
          plan,
        );
        holder[field] = 1;
        const message = failure(plan);
        expect(message).toContain(written(keys));
        expect(message).toMatch(/may have the fields|must (be|have)/);
      }
    }
  });

  test("a field named __proto__, anywhere, as JSON may hold it", () => {
    for (const keys of [[], ...places(good, isObject)]) {
      const plan = mutated(good, [...keys, "xxx"], (holder, key) => {
        holder[key] = { action: "off" };
      });
      const text = JSON.stringify(plan).replace('"xxx"', '"__proto__"');
      const message = failure(JSON.parse(text));
      expect(message).toContain(written(keys));
      expect(message).toMatch(/__proto__|must (be|have)/);
    }
    expect(({} as Holder)["action"]).toBeUndefined();
  });

  const required = endsWith(
    ...["format", "version", "rules", "from", "to", "units", "action"],
    ...["refresh", "unet", "every", "at"],
  );
  test("a field too few, anywhere: the message names it", () => {
    for (const keys of places(good, required)) {
      const plan = mutated(good, keys, (holder, key) => delete holder[key]);
      const message = failure(plan);
      expect(message).toContain(written(keys.slice(0, -1)));
      expect(message).toMatch(/must .+: found/);
    }
  });

  const words: [string, Keys, string, string][] = [
    ["an action", ["rules", 0, "action"], "resue", "did you mean reuse?"],
    ["an action", ["rules", 2, "action"], "Zero", "did you mean zero?"],
    [
      "an action of other software",
      ["rules", 0, "action"],
      "skip",
      "must be run, reuse, zero,",
    ],
    ["what is kept", ["rules", 3, "value"], "outputs", "did you mean output?"],
    [
      "a phase",
      ["rules", 0, "phases", 0],
      "denoisng",
      "did you mean denoising?",
    ],
    [
      "a phase that is none",
      ["rules", 0, "phases", 0],
      "late",
      "one of the plan's phases (composition, denoising)",
    ],
    [
      "a guidance's phase",
      ["guidance", 0, "phases", 0],
      "Denoising",
      "did you mean denoising?",
    ],
    [
      "a context",
      ["rules", 1, "contexts", 0],
      "conditional",
      '"cond", "image" or "uncond"',
    ],
    ["a refresh", ["rules", 0, "refresh"], "nevre", '"never" or one of every'],
    ["the format", ["format"], "phaseskip", '"phaseskip-plan"'],
    ["what guidance does", ["guidance", 0, "action"], "of", '"action": "off"'],
    [
      "the model's digest",
      ["model", "unet"],
      "sha256:12",
      "sha256: and 64 hexadecimal digits",
    ],
    [
      "the model's digest in capitals",
      ["model", "unet"],
      `SHA256:${"A".repeat(64)}`,
      "sha256: and 64 hexadecimal digits",
    ],
  ];
  test.each(words)("%s misspelt (%j: %s)", (_, keys, wrong, wanted) => {
    const message = failure(replaced(good, keys, wrong));
    expect(message).toContain(written(keys.slice(0, 2)));
    expect(message).toContain(wanted);
    expect(message).toContain(wrong.slice(0, 20));
  });

  const numbers: [string, Keys, unknown, string][] = [
    ["a version to come", ["version"], 2, "must be 1"],
    ["a refresh every 0 steps", ["rules", 0, "refresh", "every"], 0, "least 1"],
    ["every −3 steps", ["rules", 0, "refresh", "every"], -3, "least 1"],
    ["every 1.5 steps", ["rules", 0, "refresh", "every"], 1.5, "an integer"],
    [
      "every −150 timesteps",
      ["rules", 3, "refresh", "everyTimesteps"],
      -150,
      "above 0",
    ],
    ["a refresh at step −1", ["rules", 1, "refresh", "at", 0], -1, "least 0"],
    ["at step 0.5", ["rules", 1, "refresh", "at", 0], 0.5, "an integer"],
    [
      "a phase that ends where it begins",
      ["phases", 0, "to"],
      1000,
      "from above to",
    ],
    ["a phase upside down", ["phases", 0, "from"], 100, "from above to"],
    [
      "a phase that ends above its start",
      ["phases", 1, "to"],
      1e6,
      "from above to",
    ],
    ["no steps", ["steps", "numInferenceSteps"], 0, "least 1"],
    ["half a step", ["steps", "numInferenceSteps"], 6.5, "an integer"],
    [
      "a range upside down",
      ["valid", "numInferenceSteps"],
      [8, 4],
      "[lowest, highest]",
    ],
    [
      "a range of three",
      ["valid", "guidanceScale"],
      [1, 2, 3],
      "[lowest, highest]",
    ],
    ["a range of one", ["valid", "guidanceScale"], [1], "[lowest, highest]"],
  ];
  test.each(numbers)("%s", (_, keys, wrong, wanted) => {
    const message = failure(replaced(good, keys, wrong));
    expect(message).toContain(written(keys.slice(0, 2)));
    expect(message).toContain(wanted);
    expect(message).toContain(String(wrong).slice(0, 3));
  });

  const forms: [string, unknown, string[]][] = [
    ["nothing at all", undefined, ["a plan must be an object", "nothing"]],
    ["a list of rules", good.rules, ["a plan must be an object"]],
    ["a text", JSON.stringify(good), ["a plan must be an object"]],
    [
      "two phases of one name",
      replaced(good, ["phases", 1, "name"], "composition"),
      ["phases[1].name must be of its own"],
    ],
    [
      "a rule for no unit",
      replaced(good, ["rules", 0, "units"], []),
      ["rules[0].units must name at least one unit"],
    ],
    [
      "a path with slashes",
      replaced(good, ["rules", 0, "units", 0], "up_blocks/1"),
      ["rules[0].units[0] must be path elements joined by dots"],
    ],
    [
      "a pattern inside an element",
      replaced(good, ["rules", 0, "units", 0], "up_*.1"),
      ["rules[0].units[0]", "each a name, * or **"],
    ],
    [
      "two kinds of refresh",
      replaced(good, ["rules", 0, "refresh"], { every: 2, at: [0] }),
      ["rules[0].refresh must be", "one of every, everyTimesteps, at"],
    ],
    [
      "a refresh for zeros",
      replaced(good, ["rules", 2, "refresh"], { every: 2 }),
      ["rules[2] may have the fields", "refresh"],
    ],
    [
      "guidance off with a weight",
      replaced(good, ["guidance", 0, "scale"], 2),
      ["guidance[0] may have the fields phases, action", "scale"],
    ],
    [
      "steps both counted and listed",
      replaced(good, ["steps", "timesteps"], [900, 100]),
      ["steps must have numInferenceSteps or timesteps"],
    ],
  ];
  test.each(forms)("%s", (_, plan, wanted) => {
    const message = failure(plan);
    for (const part of wanted) expect(message).toContain(part);
  });

  const meanings: [string, unknown, string[]][] = [
    [
      "a unit misspelt",
      replaced(good, ["rules", 0, "units", 0], "up_block.1"),
      ["rules[0]", '"up_block.1"', "up_blocks.1"],
    ],
    [
      "a layer misspelt",
      replaced(good, ["rules", 3, "units", 0], "down_blocks.1.resnet.0"),
      ["rules[3]", "such as down_blocks.1.resnets.0"],
    ],
    [
      "a pattern misspelt",
      replaced(good, ["rules", 1, "units", 0], "**.atn2"),
      ["rules[1]", "such as **.attn2"],
    ],
    [
      "a block that the model lacks",
      replaced(good, ["rules", 0, "units", 0], "up_blocks.9"),
      ["rules[0]", "matches none of its", "such as up_blocks."],
    ],
    [
      "a skip where none enters",
      replaced(good, ["rules", 2, "units", 0], "down_blocks.0.resnets.0.skip"),
      ["rules[2]", "matches none"],
    ],
    [
      "a refresh at a step beyond the run",
      replaced(good, ["rules", 1, "refresh", "at"], [0, 6]),
      ["rules[1] refreshes at step 6", "below the run's 6 steps"],
    ],
    [
      "reuse of what no step computed",
      replaced(good, ["rules", 1, "refresh"], "never"),
      [
        "rules[1] reuses mid_block at step 0",
        "timestep 950, cond",
        "refresh it at this step",
      ],
    ],
    [
      "a first refresh that comes too late",
      replaced(good, ["rules", 1, "refresh", "at"], [1]),
      ["rules[1] reuses mid_block at step 0", "let it run before"],
    ],
    [
      "a first timestep that comes too late",
      replaced(good, ["rules", 4, "refresh", "atTimesteps"], [500]),
      ["rules[4]", "at step 0"],
    ],
    [
      "another scheduler",
      replaced(good, ["valid", "schedulers"], ["euler"]),
      ["valid only for the scheduler euler", "ddim"],
    ],
    [
      "a misspelt scheduler",
      replaced(good, ["valid", "schedulers"], ["euler", "ddmi"]),
      ["this run has ddim; is ddmi to be ddim?"],
    ],
    [
      "another number of steps",
      replaced(good, ["valid", "numInferenceSteps"], [20, 60]),
      ["numInferenceSteps from 20 to 60", "this run has 6"],
    ],
    [
      "another guidance weight",
      replaced(good, ["valid", "guidanceScale"], [5, 9]),
      ["guidanceScale from 5 to 9", "this run has 3"],
    ],
  ];
  const of = (...units: string[]) => ({ units });
  const with_ = (rule: object) =>
    mutated(good, ["rules"], (plan) => (plan["rules"] = [rule]));
  const acts: [string, unknown, string[]][] = [
    [
      "a bypass that changes the shape",
      with_({ ...of("down_blocks.0"), action: "bypass" }),
      ["rules[0] bypasses down_blocks.0", "must have its main input's shape"],
    ],
    [
      "the residual of a unit that has none",
      with_({
        ...of("conv_in"),
        ...{ action: "reuse", value: "residual", refresh: { every: 2 } },
      }),
      ["rules[0] takes the residual of conv_in"],
    ],
    [
      "an extrapolation from nothing",
      with_({
        ...of("mid_block"),
        ...{ action: "extrapolate", order: 1, refresh: "never" },
      }),
      ["rules[0] extrapolates mid_block at step 0", "let it run before"],
    ],
    [
      "low frequencies of tokens",
      with_({ ...of("**.attn2"), action: "scale", factor: 2, lowPass: 1 }),
      ["rules[0] scales", "must be [batch, channel, height, width]"],
    ],
    [
      "a probe that is no unit",
      with_({
        ...of("mid_block"),
        ...{ action: "adaptive", probe: "down_block.0", threshold: 0.1 },
      }),
      ["rules[0]", "down_block.0"],
    ],
    [
      "a probe that waits for what it decides",
      with_({
        ...of("mid_block"),
        ...{ action: "adaptive", probe: "up_blocks.1", threshold: 0.1 },
      }),
      ["rules[0]", "up_blocks.1"],
    ],
    [
      "means that no calibration measured",
      with_({ ...of("mid_block"), action: "mean" }),
      ["rules[0]", "mean"],
    ],
    [
      "a difference that no step computed",
      replaced(good, ["guidance"], [{ action: "delta", refresh: "never" }]),
      ["guidance[0] takes uncond − cond at step", "let both run before"],
    ],
  ];
  test.each([...meanings, ...acts])("%s", (_, plan, wanted) => {
    const message = failure(plan);
    expect(message).toMatch(/^Cannot run the plan/);
    for (const part of wanted) expect(message).toContain(part);
  });
});
