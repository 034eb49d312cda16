import {
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Plan, Rule } from "@phaseskip/runtime";
import { parsePlan } from "@phaseskip/runtime/plans";
import { known, writeKnownModel } from "../../ablation/test/known-model.js";
import type { AgainstTable } from "../src/planning/plan-against.js";
import type { Calibration } from "../src/planning/plan-calibration.js";
import { fixture, run } from "./run.js";
import { tenSteps } from "../../ablation/test/ten-steps.js";

let folder: string;
let model: string;
let sweep: string;

const small = [
  ...["--search", "1x2", "--validation", "1x4", "--test", "1x4"],
  ...["--evaluations", "80"],
];

const planned = async (out: string, ...more: string[]) => {
  const path = join(folder, out);
  const ran = await run([
    ...["plan", model, "--from", sweep, "--out", path],
    ...small,
    ...more,
  ]);
  return { path, ...ran };
};

const readPlan = (path: string) =>
  parsePlan(JSON.parse(readFileSync(path, "utf8")));

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "plan-"));
  model = writeKnownModel(join(folder, "model"), { convolutions: true });
  sweep = join(folder, "sweep");
  const { exitCode, stderr } = await run([
    ...["ablate", model, "--out", sweep, "--scheduler", "ddim"],
    ...["--steps", "10", "--bins", "4", "--seeds", "2", "--pictures", "0"],
    ...["--units", "down_blocks.*.*.*", "mid_block.*.*", "up_blocks.*.*.*"],
    ...["--action", "zero"],
  ]);
  expect(stderr).toContain("Unet calls");
  expect(exitCode).toBe(0);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The steps of ten at which a plan leaves a unit out. */
const skipped = ({ phases, rules }: Plan, unit: string): number[] => {
  const acting = rules.filter((rule: Rule) => rule.units.includes(unit));
  return tenSteps.timesteps.flatMap((t, step) => {
    const isIn = acting.some((rule) =>
      phases.some(
        ({ name, from, to }) =>
          rule.phases?.includes(name) && t < from && t >= to,
      ),
    );
    return isIn ? [step] : [];
  });
};

describe("plan", () => {
  let found: Awaited<ReturnType<typeof planned>>;
  let plan: Plan;
  beforeAll(async () => {
    found = await planned("ssim.json", "--budget", "ssim=0.9995");
    expect(found.stderr).not.toContain("phaseskip:");
    expect(found.exitCode).toBe(0);
    plan = readPlan(found.path);
  });

  test("never skips what is essential", () => {
    expect(skipped(plan, known.essential)).toEqual([]);
  });

  test("skips late what is useless late, and early what is useless early", () => {
    const late = skipped(plan, known.uselessLate);
    expect(late).toEqual(expect.arrayContaining([6, 7, 8, 9]));
    expect(late).not.toContain(0);
    const early = skipped(plan, known.uselessEarly);
    expect(early).toEqual(expect.arrayContaining([0, 1, 2]));
    expect(early).not.toContain(9);
  });

  test("skips one of two redundant units at a step, not both", () => {
    const [first, second] = known.redundant.map((unit) => skipped(plan, unit));
    expect(first!.length + second!.length).toBeGreaterThan(5);
    expect(first!.filter((step) => second!.includes(step))).toEqual([]);
  });

  test("keeps its budget on the validation split, and says how it was found", () => {
    const calibration = plan.calibration as Calibration;
    expect(calibration.isReached).toBe(true);
    expect(calibration.validation.interval![0]).toBeGreaterThanOrEqual(0.9995);
    expect(calibration.cost).toBeLessThan(0.75);
    expect(calibration.evaluations).toBeLessThanOrEqual(80);
    expect(calibration.model).toMatch(/^sha256:/);
    expect(calibration.attribution.map(({ part }) => part)).toEqual([
      "blocks and skips",
    ]);
    expect(calibration.notes.join()).toContain(
      "tested on 4 pictures: fewer than the 256 that a claim needs",
    );
  });

  test("keeps what was predicted of every plan beside what was measured", () => {
    const lines = readFileSync(`${found.path}.search.jsonl`, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { verified?: object });
    const verified = lines.flatMap((line) => line.verified ?? []);
    expect(verified.length).toBeGreaterThan(4);
    for (const one of verified)
      expect(one).toMatchObject({
        predictedLoss: expect.any(Number) as number,
        measuredLoss: expect.any(Number) as number,
      });
  });

  test("writes a plan that generate takes", async () => {
    const { exitCode, stdout } = await run([
      ...["generate", model, "--plan", found.path, "--scheduler", "ddim"],
      ...["--steps", "10", "--out", join(folder, "picture.png"), "--json"],
    ]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain("macsSaved");
  });

  test("goes on where it was killed, and ends with the same plan", async () => {
    const record = `${found.path}.search.jsonl`;
    const before = readFileSync(found.path, "utf8");
    const text = readFileSync(record, "utf8");
    truncateSync(record, Math.floor(text.length / 2));
    const again = await planned("ssim.json", "--budget", "ssim=0.9995");
    expect(again.exitCode).toBe(0);
    expect(readFileSync(found.path, "utf8")).toBe(before);
    expect(readFileSync(record, "utf8")).toBe(text);
  });

  test("compares with the converged path where half as many steps lead to the same end, and nowhere else", async () => {
    const budget = ["--budget", "ssim=0.9995"];
    const fine = await planned("ssim.json", ...budget, "--converged", "1000");
    expect(fine.exitCode).toBe(0);
    const { testToConverged } = readPlan(fine.path).calibration as Calibration;
    expect(testToConverged!.pairs).toBe(4);
    // one step and half of it end elsewhere
    const coarse = await planned("ssim.json", ...budget, "--converged", "2");
    expect(coarse.exitCode).toBe(0);
    const calibration = readPlan(coarse.path).calibration as Calibration;
    expect(calibration).not.toHaveProperty("testToConverged");
    const none = await planned("ssim.json", ...budget, "--converged", "2000");
    expect(none.exitCode).toBe(2);
    expect(none.stderr).toContain("Cannot run --converged 2000: ");
    expect(none.stderr).toContain("numInferenceSteps");
  });

  test("keeps to a budget of multiply-accumulates, with the best pictures there", async () => {
    const { path, exitCode, stdout } = await planned(
      "macs.json",
      ...["--budget", "macs=0.6", "--json"],
    );
    expect(exitCode).toBe(0);
    const calibration = readPlan(path).calibration as Calibration;
    expect(calibration.cost).toBeLessThanOrEqual(0.6);
    expect(calibration.test.mean).toBeGreaterThan(0.95);
    expect(JSON.parse(stdout)).toMatchObject({ plans: [{ path }] });
  });
});

describe("plan from two sweeps", () => {
  /** Two folders with the sweep's cells between them, in its order, each part in one of them. */
  const halves = () => {
    const manifest = readFileSync(join(sweep, "manifest.json"), "utf8");
    const rows = readFileSync(join(sweep, "cells.jsonl"), "utf8")
      .trim()
      .split("\n")
      .map((line) => ({ line, ...(JSON.parse(line) as { unit: string }) }));
    const parts = [...new Set(rows.map(({ unit }) => unit))];
    const early = parts.slice(0, Math.ceil(parts.length / 2));
    return [true, false].map((isEarly) => {
      const half = mkdtempSync(join(folder, "half-"));
      const own = rows.filter(({ unit }) => early.includes(unit) === isEarly);
      writeFileSync(join(half, "manifest.json"), manifest);
      const text = own.map(({ line }) => `${line}\n`).join("");
      writeFileSync(join(half, "cells.jsonl"), text);
      return half;
    }) as [string, string];
  };
  const attempt = async (out: string, ...from: string[]) => {
    const path = join(folder, out);
    const ran = await run([
      ...["plan", model, ...from.flatMap((one) => ["--from", one])],
      ...["--budget", "ssim=0.9995", "--out", path, ...small],
    ]);
    return { path, ...ran };
  };

  test("is the plan from one with all of their cells", async () => {
    const whole = await attempt("whole.json", sweep);
    const both = await attempt("both.json", ...halves());
    expect(both.exitCode).toBe(0);
    const bytes = readFileSync(whole.path, "utf8");
    expect(readFileSync(both.path, "utf8")).toBe(bytes);
    const one = await attempt("one.json", halves()[1]);
    expect(one.exitCode).toBe(0);
    expect(readFileSync(one.path, "utf8")).not.toBe(bytes);
  });

  test("needs one sampler, and each to do something else", async () => {
    const same = await attempt("x.json", sweep, sweep);
    expect(same.exitCode).toBe(2);
    expect(same.stderr).toContain("each do something else: both have zero of");
    const [first, second] = halves();
    const file = join(second, "manifest.json");
    const text = readFileSync(file, "utf8").replace('"ddim"', '"euler"');
    writeFileSync(file, text);
    const other = await attempt("x.json", first, second);
    expect(other.exitCode).toBe(2);
    expect(other.stderr).toContain("be of one model under one sampler");
    expect(other.stderr).toContain("euler at 10 steps");
  });
});

describe("plan --against", () => {
  test("says where the plan stands beside rivals of its cost, fewer steps first, on the same pairs", async () => {
    const { exitCode, stdout } = await planned(
      "macs.json",
      ...["--budget", "macs=0.6", "--against", "--json"],
    );
    expect(exitCode).toBe(0);
    const { against } = JSON.parse(stdout) as { against: AgainstTable[] };
    const [table] = against;
    expect(table!.guidance).toBe("fixed");
    const { comparisons } = table!;
    const rivals = comparisons.map(({ rival }) => rival);
    expect(rivals[0]).toBe("fewer steps");
    expect(rivals).toContain("random search");
    for (const { cost, planCost, test: tested, standing } of comparisons) {
      expect(cost).toBeLessThanOrEqual(planCost + 1e-9);
      expect(tested.pairs).toBe(4);
      expect(["wins", "ties", "undecided", "loses"]).toContain(
        standing.verdict,
      );
    }
    const [steps] = comparisons;
    expect(steps!.contestant.plan.steps!.numInferenceSteps).toBeLessThan(10);
    expect(steps!.standing.verdict).toBe("wins");
  });

  test("prints a table, and what was left out", async () => {
    const { stdout } = await planned(
      "macs.json",
      ...["--budget", "macs=0.6", "--against"],
    );
    expect(stdout).toMatch(/macs=0.6, guidance fixed: the plan .* rivals/);
    expect(stdout).toMatch(/fewer steps at .*(leading|trailing|linspace)/);
    const tables = stdout.split("\n").filter((line) => !line.startsWith("  "));
    expect(Math.max(...tables.map(({ length }) => length))).toBeLessThan(81);
    expect(stdout).toContain("note: costs are multiply-accumulates");
  });
});

describe("plan, wrongly used,", () => {
  test.each(["ssim", "ssim=2", "macs=0", "speed=2", "front=1.5"])(
    "refuses the budget %s",
    async (budget) => {
      const { exitCode, stderr } = await planned("x.json", "--budget", budget);
      expect(exitCode).toBe(2);
      expect(stderr).toContain("ssim=S, macs=M or front");
    },
  );

  test("refuses a sweep of another model", async () => {
    const { exitCode, stderr } = await run([
      ...["plan", fixture("tiny-ddpm-ts"), "--from", sweep],
      ...["--budget", "macs=0.5", "--out", join(folder, "x.json"), ...small],
    ]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain("its sweep must be of this model");
  });

  test("refuses a folder without a sweep, an unfinished and an empty one", async () => {
    const from = mkdtempSync(join(folder, "broken-"));
    const attempt = () =>
      run([
        ...["plan", model, "--from", from, "--budget", "macs=0.5"],
        ...["--out", join(folder, "x.json")],
      ]);
    expect((await attempt()).stderr).toContain("it has no manifest.json");
    const manifest = readFileSync(join(sweep, "manifest.json"));
    writeFileSync(join(from, "manifest.json"), manifest);
    expect((await attempt()).stderr).toContain("it has no cells.jsonl");
    writeFileSync(join(from, "cells.jsonl"), "");
    const { exitCode, stderr } = await attempt();
    expect(stderr).toContain("cells.jsonl is empty");
    expect(exitCode).toBe(2);
  });

  test("refuses a record of another search, and too few evaluations", async () => {
    const other = await planned("ssim.json", "--budget", "ssim=0.9");
    expect(other.exitCode).toBe(2);
    expect(other.stderr).toContain("must be of the same search");
    const few = await planned(
      "few.json",
      ...["--budget", "ssim=0.9", "--evaluations", "5"],
    );
    expect(few.exitCode).toBe(2);
    expect(few.stderr).toContain("evaluations must be at least 12");
  });
});
