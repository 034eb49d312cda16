// The study's own programs, run as docs/study/README.md says, on a tiny model.
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "phaseskip-study-"));
afterAll(() => rmSync(folder, { recursive: true }));

const run = (program, ...args) =>
  spawnSync(
    process.execPath,
    [
      "--conditions=@phaseskip/source",
      "--import=./scripts/source-hooks.mjs",
      `scripts/study/${program}.mjs`,
      ...args,
    ],
    { encoding: "utf8" },
  );
const file = (name, value) => {
  writeFileSync(join(folder, name), JSON.stringify(value));
  return join(folder, name);
};

const pairs = file("pairs.json", {
  model: "models/tiny-text-ts",
  pairs: [4, 5, 9].map((seed) => ({ prompt: "a red boat", seed })),
});
const stale = file("stale.json", {
  format: "phaseskip-plan",
  version: 1,
  phases: [{ name: "all", from: 1000, to: 0 }],
  rules: [
    {
      units: ["up_blocks.0"],
      phases: ["all"],
      action: "reuse",
      refresh: { every: 2 },
    },
  ],
});
const drawn = join(folder, "drawn");
const sets = ["none=none@4", `stale=${stale}@4`];

test("draw.mjs draws each pair once, also when it is run again", () => {
  expect(run("draw", pairs, drawn, ...sets, "--pairs", "2").stderr).toContain(
    "stale: 2 of 2",
  );
  const first = readFileSync(join(drawn, "stale.rgb"));
  expect(run("draw", pairs, drawn, ...sets).stderr).toContain("none: 3 of 3");
  const all = readFileSync(join(drawn, "stale.rgb"));
  expect(all.length).toBe(1.5 * first.length);
  expect(all.subarray(0, first.length).equals(first)).toBe(true);
  expect(run("draw", pairs, drawn, ...sets).stderr).toBe("");
});

test("draw.mjs refuses to go on with other pairs", () => {
  const others = file("others.json", {
    model: "models/tiny-text-ts",
    pairs: [{ prompt: "a blue house", seed: 1 }],
  });
  const { status, stderr } = run("draw", others, drawn, ...sets);
  expect(status).toBe(1);
  expect(stderr).toContain("it is of others; choose another name");
});

test("figures.mjs compares what was drawn with the full model's", () => {
  const { stdout } = run("figures", "table", drawn);
  const [full, plan] = ["none", "stale"].map((name) =>
    stdout
      .split("\n")
      .find((line) => line.includes(`'${name}'`))
      .split("│")
      .map((cell) => Number(cell)),
  );
  // name, steps, pairs, cost, prompts, mean SSIM, …
  expect(full.slice(3, 8)).toEqual([4, 3, 1, 3, 1]);
  expect(plan[5]).toBeLessThan(1);
  expect(plan[7]).toBeLessThan(1);
  expect(plan[7]).toBeGreaterThan(0);
});

test("figures.mjs draws sixteen pairs beside each other", () => {
  const picture = join(folder, "pairs.png");
  const { stdout } = run("figures", "pairs", drawn, "stale", picture);
  expect(stdout.trim().split(" ")).toHaveLength(16);
  expect(existsSync(picture)).toBe(true);
});

test("figures.mjs says what it lacks", () => {
  const lone = join(folder, "lone");
  run("draw", pairs, lone, `stale=${stale}@4`, "--pairs", "1");
  expect(run("figures", "table", lone).stderr).toContain(
    "the full model's must be among them",
  );
  expect(run("figures", "histogram").stderr).toContain(
    "the figure must be front, joint, table, onset, pairs",
  );
});
