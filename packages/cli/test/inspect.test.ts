import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import stringWidth from "string-width";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describePlan, type PlanDescription } from "@phaseskip/runtime";
import { blockCache } from "@phaseskip/runtime/plans";
import { openPipeline } from "../src/index.js";
import type { UnitSummary } from "../src/inspection/unit-summary.js";
import {
  drawShares,
  drawStrip,
  type UnitState,
} from "../src/inspection/plan-strip.js";
import { unitKind } from "../src/inspection/unit-kind.js";
import { fixture, run } from "./run.js";

const model = fixture("tiny-text-ts");
const plan = {
  format: "phaseskip-plan",
  version: 1,
  name: "mixed",
  phases: [{ name: "late", from: 600, to: 0 }],
  rules: [
    {
      units: ["up_blocks.1"],
      phases: ["late"],
      action: "reuse",
      refresh: { every: 3 },
    },
    {
      units: ["down_blocks.0.resnets.0"],
      phases: ["late"],
      contexts: ["uncond"],
      action: "zero",
    },
  ],
  guidance: [{ phases: ["late"], scale: 3 }],
  steps: { numInferenceSteps: 8 },
} as const;

let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "phaseskip-"));
  path = join(folder, "mixed.json");
  await writeFile(path, JSON.stringify(plan));
});
afterAll(() => rm(folder, { recursive: true }));

interface Inspected {
  readonly macs: number;
  readonly parameters: number;
  readonly units: readonly UnitSummary[];
  readonly skips: readonly UnitSummary[];
  readonly changes?: Readonly<Record<string, readonly number[]>>;
  readonly plan: {
    readonly description: PlanDescription;
    readonly macs: {
      readonly total: number;
      readonly full: number;
      readonly steps: readonly number[];
    };
    readonly contexts: readonly {
      readonly context: string;
      readonly rows: readonly {
        readonly unit: string;
        readonly states: readonly UnitState[];
      }[];
    }[];
  };
}

async function inspected(...options: string[]): Promise<Inspected> {
  const { exitCode, stdout } = await run([
    "inspect",
    model,
    "--json",
    ...options,
  ]);
  expect(exitCode).toBe(0);
  return JSON.parse(stdout) as Inspected;
}

const widest = (text: string) =>
  Math.max(...text.split("\n").map((line) => stringWidth(line)));

describe("phaseskip inspect", { timeout: 120_000 }, () => {
  test("lists units and skips within 80 columns", async () => {
    const { exitCode, stdout, stderr } = await run(["inspect", model]);
    expect([exitCode, stderr]).toEqual([0, ""]);
    expect(widest(stdout)).toBeLessThanOrEqual(80);
    expect(stdout).toMatchSnapshot();
  });

  test("--depth lists deeper units", async () => {
    const [one, two, three] = await Promise.all(
      ["1", "2", "3"].map(
        async (depth) =>
          (await run(["inspect", model, "--depth", depth])).stdout,
      ),
    );
    expect(one).not.toContain("\n  .resnets.0 ");
    expect(two).toContain("  .resnets.0 ");
    expect(two).not.toContain(".conv1");
    expect(three).toContain("    .conv1 ");
    expect((await run(["inspect", model])).stdout).toBe(two);
  });

  test("--json holds every unit with kind, outputs, MACs and parameters", async () => {
    const { units, skips, macs, parameters } = await inspected();
    const top = units.filter(({ parent }) => parent === "");
    const sum = (of: (unit: UnitSummary) => number) =>
      top.reduce((total, unit) => total + of(unit), 0);
    expect(sum((unit) => unit.macs)).toBeLessThanOrEqual(macs);
    expect(sum((unit) => unit.macs)).toBeGreaterThan(0.9 * macs);
    expect(parameters).toBeGreaterThan(1000);
    expect(units.find((unit) => unit.path === "mid_block")).toMatchObject({
      kind: "block",
      parent: "",
    });
    expect(
      skips.every((skip) => skip.kind === "skip" && skip.from !== undefined),
    ).toBe(true);
    expect(units.every((unit) => unit.outputs.length > 0)).toBe(true);
  });

  test("--plan shows steps × units and what they cost, within 80 columns", async () => {
    const { exitCode, stdout } = await run([
      "inspect",
      model,
      "--depth",
      "1",
      "--plan",
      path,
      "--no-time",
    ]);
    expect(exitCode).toBe(0);
    expect(widest(stdout)).toBeLessThanOrEqual(80);
    expect(stdout.slice(stdout.indexOf("mixed:"))).toMatchSnapshot();
  });

  test("--changes measures what blockCache takes, as the mean of its prompts", async () => {
    const measured = async (...prompts: string[]) => {
      const given = prompts.flatMap((prompt) => ["--prompt", prompt]);
      const { changes } = await inspected(
        "--changes",
        "--steps",
        "6",
        ...given,
      );
      return changes!;
    };
    const [one, both] = [
      await measured("a red boat"),
      await measured("a red boat", "a blue dog"),
    ];
    expect(Object.keys(one)).toContain("mid_block.resnets.0");
    for (const list of Object.values(one)) {
      expect(list).toHaveLength(6);
      expect(list[0]).toBe(0);
    }
    expect(both).not.toEqual(one);
    const made = blockCache({ changes: one, threshold: 1 });
    expect(made.rules.length).toBeGreaterThan(0);
    const file = join(folder, "block-cache.json");
    await writeFile(file, JSON.stringify(made));
    const planned = await inspected("--plan", file, "--no-time");
    expect(planned.plan.macs.total).toBeLessThan(planned.plan.macs.full);

    const options = ["--changes", "--steps", "3", "--scheduler", "euler"];
    const trailing = ["--scheduler-option", "timestep_spacing=trailing"];
    const draw = [...options, "--prompt", "a dog"];
    const [spaced, own] = [
      await inspected(...draw, ...trailing),
      await inspected(...draw),
    ];
    expect(spaced.changes).not.toEqual(own.changes);
    const text = await run(["inspect", model, ...options, "--prompt", "a dog"]);
    expect(widest(text.stdout)).toBeLessThanOrEqual(80);
    expect(text.stdout).toContain("change from step to step");
  });

  test("--changes alone has prompts and steps, and needs a prompt for a model that takes one", async () => {
    const alone = await run(["inspect", model, "--steps", "3"]);
    expect(alone.exitCode).toBe(2);
    expect(alone.stderr).toContain("--steps is of the runs that --changes");
    const option = ["--scheduler-option", "timestep_spacing=trailing"];
    const spaced = await run(["inspect", model, ...option]);
    expect(spaced.stderr).toContain("--scheduler-option is of the runs that");
    const missing = await run(["inspect", model, "--changes"]);
    expect(missing.exitCode).toBe(2);
    expect(missing.stderr).toContain("prompt is missing");
  });

  test("--plan predicts a time, and refuses what generate refuses", async () => {
    const { stdout } = await run(["inspect", model, "--plan", path]);
    expect(stdout).toMatch(
      /^\d[\d.]* m?s in the Unet predicted: wasm, \d threads?$/m,
    );
    expect(widest(stdout)).toBeLessThanOrEqual(80);
    const other = join(folder, "other.json");
    const unet = `sha256:${"0".repeat(64)}`;
    await writeFile(other, JSON.stringify({ ...plan, model: { unet } }));
    const refused = await run(["inspect", model, "--plan", other]);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain("made for another model");
  });

  test("--plan counts what a run's report counts", async () => {
    const { plan: planned } = await inspected("--plan", path);
    const pipeline = await openPipeline(model);
    try {
      const { report } = await pipeline.generate({
        prompt: "a red boat",
        plan,
      });
      expect(planned.macs.total).toBe(report.macs);
      const { description } = planned;
      expect(description.macs).toBe(report.macs);
      expect(description.peakCacheBytes).toBeGreaterThan(0);
      expect(description.milliseconds).toBeGreaterThan(0);
      const told = await describePlan(pipeline, plan);
      expect({ ...told, milliseconds: 0, steps: [] }).toEqual({
        ...description,
        milliseconds: 0,
        steps: [],
      });
      expect(told.milliseconds).toBeGreaterThan(0);
      expect(planned.macs.full).toBe(report.fullMacs);
      expect(planned.macs.steps).toEqual(
        report.steps.map(({ contexts }) =>
          contexts.reduce((sum, { macs }) => sum + macs, 0),
        ),
      );
      for (const { context, rows } of planned.contexts) {
        for (const { stepIndex, contexts } of report.steps) {
          const ran = contexts.find((one) => one.context === context);
          const reused = rows
            .filter(({ states }) => states[stepIndex] === "reuse")
            .map(({ unit }) => unit);
          const zeroed = rows
            .filter(({ states }) => states[stepIndex] === "zero")
            .map(({ unit }) => unit);
          expect(reused).toEqual(Object.keys(ran?.reused ?? {}));
          expect(zeroed).toEqual(ran?.zeroed ?? []);
        }
      }
    } finally {
      pipeline.dispose();
    }
  });
});

test("drawStrip() fits any number of steps, and marks columns of several states", () => {
  const states = Array.from({ length: 1000 }, (_, i): UnitState =>
    i < 501 ? "run" : "reuse",
  );
  const rows = [{ unit: "up_blocks.1", states }];
  const line = drawStrip({ context: "cond", rows }).trimEnd();
  expect(stringWidth(line)).toBeLessThanOrEqual(80);
  expect(line).toMatch(/^up_blocks\.1 +█+▒░+$/);
  expect(drawShares(states.map(() => 0.5))).toMatch(/ ▅+\n$/);
});

test("drawStrip() gives units of one kind and one strip one line", () => {
  const states: UnitState[] = ["run", "zero", "idle", "run"];
  const rows = ["up_blocks.0.resnets.0.skip", "up_blocks.0.resnets.1.skip"].map(
    (unit) => ({ unit, states }),
  );
  expect(drawStrip({ context: "cond", rows })).toMatch(/^2 × skip +█0 █\n$/);
});

test.each([
  ["down_blocks.1", "block"],
  ["mid_block", "block"],
  ["down_blocks.1.resnets.0", "resnet"],
  ["mid_block.attentions.0", "attention"],
  ["mid_block.attentions.0.transformer_blocks.0", "transformer"],
  ["mid_block.attentions.0.transformer_blocks.0.attn2", "attention"],
  ["mid_block.attentions.0.transformer_blocks.0.attn2.to_out.0", "linear"],
  ["mid_block.attentions.0.transformer_blocks.0.ff", "feed-forward"],
  ["mid_block.attentions.0.transformer_blocks.0.ff.net.0.proj", "linear"],
  ["mid_block.attentions.0.group_norm", "norm"],
  ["up_blocks.0.upsamplers.0", "sampler"],
  ["up_blocks.0.upsamplers.0.conv", "conv"],
  ["up_blocks.0.resnets.1.skip", "skip"],
  ["up_blocks.0.resnets.1.conv_shortcut", "conv"],
  ["up_blocks.0.resnets.1.nonlinearity", "activation"],
  ["up_blocks.0.resnets.1.time_emb_proj", "embedding"],
  ["conv_act", "activation"],
  ["conv_norm_out", "norm"],
  ["conv_in", "conv"],
  ["something.else", "module"],
])("unitKind(%s) is %s", (path, kind) => {
  expect(unitKind(path)).toBe(kind);
});
