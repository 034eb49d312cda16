import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describePlan } from "@phaseskip/runtime";
import { parsePlan } from "@phaseskip/runtime/plans";
import { openPipeline } from "../src/index.js";
import { fixture, run } from "./run.js";

// a model that was trained: outputs of random weights go nowhere
const model = fixture("scenes");
const plan = {
  format: "phaseskip-plan",
  version: 1,
  name: "kept",
  phases: [{ name: "late", from: 900, to: 0 }],
  rules: [
    { units: ["up_blocks.3"], action: "reuse", refresh: { every: 2 } },
    { units: [""], phases: ["late"], action: "reuse", refresh: { every: 3 } },
  ],
  guidance: [{ phases: ["late"], action: "delta", refresh: { every: 2 } }],
  steps: { numInferenceSteps: 14 },
} as const;

let folder: string;
let [given, out] = ["", ""];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "phaseskip-"));
  given = join(folder, "kept.json");
  out = join(folder, "fitted.json");
  await writeFile(given, JSON.stringify(plan));
});
afterAll(() => rm(folder, { recursive: true }));

describe("phaseskip fit", { timeout: 240_000 }, () => {
  test("puts forecasts in place of what a plan keeps, at the plan's cost, for its sampler and steps alone", async () => {
    const argv = ["fit", model, "--plan", given, "--out", out, "--json"];
    const more = ["--runs", "2", "--values", "2", "--scheduler", "ddim"];
    const { exitCode, stdout } = await run([...argv, ...more]);
    expect(exitCode).toBe(0);
    const { forecasts } = JSON.parse(stdout) as {
      forecasts: { unit: string; isUsable: boolean; error: number }[];
    };
    expect(new Set(forecasts.map(({ unit }) => unit))).toEqual(
      new Set(["up_blocks.3", "", "guidance"]),
    );
    const fitted = parsePlan(JSON.parse(await readFile(out, "utf8")));
    const usable = forecasts.filter(({ isUsable }) => isUsable);
    expect(usable.length).toBeGreaterThan(0);
    const tables = [...fitted.rules, ...fitted.guidance!].filter(
      (rule) => "coefficients" in rule,
    );
    expect(tables).toHaveLength(usable.length);
    const pipeline = await openPipeline(model);
    try {
      const scheduler = "ddim" as const;
      const before = await describePlan(pipeline, parsePlan(plan), {
        scheduler,
      });
      const after = await describePlan(pipeline, fitted, { scheduler });
      expect(after.macs).toBe(before.macs);
      const draw = { prompt: "a red boat", seed: 3, scheduler, plan: fitted };
      const { report } = await pipeline.generate(draw);
      expect(report.macs).toBe(after.macs);
      expect(report.warnings.filter((said) => said.includes("rules"))).toEqual(
        [],
      );
      const whole = report.steps.flatMap(({ contexts }) => contexts);
      const idle = whole.filter(({ macs }) => macs === 0);
      expect(idle.length).toBeGreaterThan(3);
      for (const { reused } of idle) expect(reused[""]).toBeGreaterThan(0);
      await expect(
        pipeline.generate({ ...draw, numInferenceSteps: 12 }),
      ).rejects.toThrow("valid only for numInferenceSteps from 14 to 14");
      await expect(
        pipeline.generate({ ...draw, scheduler: "euler" }),
      ).rejects.toThrow(
        "valid only for the scheduler ddim: this run has euler",
      );
    } finally {
      pipeline.dispose();
    }
  });

  test("says that a plan keeps nothing", async () => {
    const empty = join(folder, "empty.json");
    await writeFile(
      empty,
      JSON.stringify({ ...plan, rules: [], guidance: [] }),
    );
    const { exitCode, stderr } = await run(["fit", model, "--plan", empty]);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(
      /^phaseskip: Cannot fit .*empty.json as it must keep a unit's output or guidance's difference/,
    );
  });
});
