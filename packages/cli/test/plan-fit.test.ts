import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parsePlan } from "@phaseskip/runtime/plans";
import { writeKnownModel } from "../../ablation/test/known-model.js";
import type { Calibration } from "../src/planning/plan-calibration.js";
import { run } from "./run.js";

let folder: string;
let model: string;
let sweep: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "plan-fit-"));
  model = writeKnownModel(join(folder, "model"), { convolutions: true });
  sweep = join(folder, "sweep");
  const { exitCode } = await run([
    ...["ablate", model, "--out", sweep, "--scheduler", "ddim"],
    ...["--steps", "10", "--bins", "4", "--seeds", "2", "--pictures", "0"],
    ...["--units", "up_blocks.0.resnets.0", "--action", "reuse-2"],
  ]);
  expect(exitCode).toBe(0);
}, 600_000);
afterAll(() => rmSync(folder, { recursive: true }));

test("--fit leaves out whole calls of the Unet, and says for which run that holds", async () => {
  const out = join(folder, "fitted.json");
  const { exitCode, stderr } = await run([
    ...["plan", model, "--from", sweep, "--out", out, "--budget", "macs=0.6"],
    ...["--search", "1x2", "--validation", "1x4", "--test", "1x4"],
    ...["--evaluations", "60", "--fit", "4"],
  ]);
  expect(stderr).not.toContain("phaseskip:");
  expect(exitCode).toBe(0);
  const plan = parsePlan(JSON.parse(readFileSync(out, "utf8")));
  const whole = plan.rules.find(({ units }) => units.includes(""));
  expect(whole).toMatchObject({ action: "forecast", values: 3 });
  expect(plan.valid).toEqual({
    schedulers: ["ddim"],
    numInferenceSteps: [10, 10],
  });
  const { cost, evaluations, isReached } = plan.calibration as Calibration;
  expect(isReached).toBe(true);
  expect(cost).toBeLessThanOrEqual(0.6);
  // runs to fit on are paid for as pictures are
  expect(evaluations).toBeGreaterThanOrEqual(4 + 4 * 2);
  expect(evaluations).toBeLessThanOrEqual(60);
}, 600_000);
