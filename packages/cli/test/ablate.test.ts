import { spawnSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fixture, run, spawnCommand } from "./run.js";
import { commandFolder, contents, small } from "./sweeps.js";

const model = fixture("tiny-ddpm-ts");
let folder: string;
let whole: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "ablate-"));
  whole = join(folder, "whole");
  const { exitCode, stdout, stderr } = await run([
    "ablate",
    model,
    "--out",
    whole,
    ...small,
  ]);
  expect(stderr).toContain("Unet calls:");
  expect(stderr).toMatch(/planned, \d+ if every run began at the first step/);
  expect(stderr).toContain(
    "2 seeds say nothing of how results scatter: no intervals",
  );
  expect(stdout).toContain("rows");
  expect(exitCode).toBe(0);
});
afterAll(() => rmSync(folder, { recursive: true }));

const journalLines = (path: string) => {
  try {
    return (
      readFileSync(join(path, "journal.jsonl"), "utf8").split("\n").length - 1
    );
  } catch {
    return 0;
  }
};

/** Kills the command once it has kept so many rows. */
const killedAt = (path: string, rows: number) =>
  spawnCommand(["ablate", model, "--out", path, ...small], (kill) => {
    const timer = setInterval(() => {
      if (journalLines(path) < rows) return;
      clearInterval(timer);
      kill("SIGKILL");
    }, 5);
    timer.unref();
  });

describe("ablate", () => {
  test("writes rows sorted by name, a manifest, pictures, and times apart", () => {
    const files = contents(whole);
    const cells = files["cells.jsonl"]!.trim().split("\n");
    const names = cells.map(
      (line) => (JSON.parse(line) as { cell: string }).cell,
    );
    expect(names).toEqual([...names].sort());
    expect(files["cells.jsonl"]).not.toContain("milliseconds");
    const manifest = JSON.parse(files["manifest.json"]!) as { rows: string[] };
    expect(manifest.rows).toEqual(expect.arrayContaining(names));
    expect(readdirSync(join(whole, "pictures"))).toHaveLength(names.length + 2);
    const timings = readFileSync(join(whole, "timings.jsonl"), "utf8");
    expect(timings.trim().split("\n")).toHaveLength(manifest.rows.length);
  });

  test("killed three times on the way, loses nothing and gives the same bytes", async () => {
    const path = join(folder, "killed");
    let kept = 0;
    for (let kill = 0; kill < 3; kill++) {
      const ran = await killedAt(path, kept + 4);
      expect(ran.exitCode).not.toBe(0);
      const lines = journalLines(path);
      expect(lines).toBeGreaterThanOrEqual(kept + 4);
      kept = lines;
    }
    const { exitCode } = await run(["ablate", model, "--out", path, ...small]);
    expect(exitCode).toBe(0);
    expect(contents(path)).toEqual(contents(whole));
    const journal = readFileSync(join(path, "journal.jsonl"), "utf8");
    const rows = journal.trim().split("\n");
    const manifest = JSON.parse(contents(path)["manifest.json"]!) as {
      rows: string[];
    };
    expect(rows).toHaveLength(manifest.rows.length);
  });

  test.each(["", "\n"])("goes on behind a torn last line%j", async (end) => {
    const path = join(folder, `torn${end.length}`);
    await killedAt(path, 6);
    const journal = join(path, "journal.jsonl");
    const text = readFileSync(journal, "utf8");
    writeFileSync(journal, `${text}{"row":{"cell":"up_bl${end}`);
    const { exitCode } = await run(["ablate", model, "--out", path, ...small]);
    expect(exitCode).toBe(0);
    expect(contents(path)).toEqual(contents(whole));
  });

  test("refuses a folder of other things", async () => {
    const path = join(folder, "notes");
    mkdirSync(path);
    writeFileSync(join(path, "notes.txt"), "mine");
    const { exitCode, stderr } = await run([
      ...["ablate", model, "--out", path, ...small],
    ]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain("it holds notes.txt and no manifest.json");
    expect(readdirSync(path)).toEqual(["notes.txt"]);
  });

  test.each([
    ["", "it holds none"],
    ["a boat\n\na house\na boat\n", 'lines 1 and 4 are both "a boat"'],
    ["a boat\n\u0001", "it must be text in UTF-8"],
  ])("refuses the prompts %j", async (text, message) => {
    const prompts = join(folder, "bad.txt");
    writeFileSync(prompts, text);
    const { exitCode, stderr } = await run([
      ...["ablate", fixture("tiny-text-ts"), "--out", join(folder, "bad")],
      ...["--prompts", prompts],
    ]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(message);
  });

  test("refuses a folder that holds another sweep, and leaves it as it is", async () => {
    const before = contents(whole);
    const { exitCode, stderr } = await run([
      ...["ablate", model, "--out", whole, ...small, "--bins", "2"],
    ]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(
      "it differs in the setting bins: 3 and 2; choose another --out",
    );
    expect(contents(whole)).toEqual(before);
  });

  test("on a disk that takes no more, says so, keeps what it has, and goes on once there is room", async () => {
    const path = join(folder, "full");
    const bin = commandFolder(folder);
    const command = `trap '' XFSZ; ulimit -f 12; exec "$0" "$@"`;
    const ran = spawnSync(
      "bash",
      [
        "-c",
        command,
        join(bin, "phaseskip"),
        "ablate",
        model,
        "--out",
        path,
        ...small,
      ],
      { encoding: "utf8" },
    );
    expect(ran.status).toBe(1);
    expect(ran.stderr).toMatch(
      /Cannot keep a row .*rows are kept: make room, and run the same command again/,
    );
    const kept = journalLines(path);
    expect(kept).toBeGreaterThan(0);
    const { exitCode } = await run(["ablate", model, "--out", path, ...small]);
    expect(exitCode).toBe(0);
    expect(contents(path)).toEqual(contents(whole));
  });

  const root = process.getuid?.() === 0 && process.platform === "linux";
  test("names a full disk", async ({ skip }) => {
    const path = join(folder, "disk");
    mkdirSync(path);
    const mount = `mount -t tmpfs -o size=96k tmpfs '${path}'`;
    const mounted = root && spawnSync("sh", ["-c", mount]).status === 0;
    skip(
      !mounted,
      "no disk of its own can be mounted here: this takes root on Linux",
    );
    try {
      const { exitCode, stderr } = await run([
        "ablate",
        model,
        "--out",
        path,
        ...small,
      ]);
      expect(exitCode).toBe(1);
      expect(stderr).toContain("a full disk (ENOSPC)");
      expect(journalLines(path)).toBeGreaterThan(0);
    } finally {
      spawnSync("sh", ["-c", `umount '${path}'`]);
    }
  });

  test.each([
    [
      ["--units", "down_blocks.9"],
      "Cannot study the unit down_blocks.9 as it must be a unit of this model",
    ],
    [
      ["--steps", "4", "--bins", "5"],
      "bins must be an integer in [1, 4], the sampler's steps: current value is 5",
    ],
    [["--action", "remove"], "an action must be one of removal, lesion, reuse"],
    [["--windows", "middle"], "It must be some of single, prefix, suffix"],
    [["--shard", "4/4"], "0/4 is the first of four"],
    [
      ["--prompts", "prompts.txt"],
      "this model is unconditional: leave --prompts out",
    ],
  ])("ends with 2 for %j", async (options, message) => {
    const out = join(folder, "wrong");
    const { exitCode, stderr } = await run([
      "ablate",
      model,
      "--out",
      out,
      ...options,
    ]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(message);
  });

  test("reads prompts from a file, without its empty lines and comments", async () => {
    const prompts = join(folder, "prompts.txt");
    writeFileSync(prompts, "# two\na red boat\n\n  a blue house  \n");
    const out = join(folder, "prompts");
    const { exitCode } = await run([
      ...[
        "ablate",
        fixture("tiny-text-ts"),
        "--out",
        out,
        "--prompts",
        prompts,
      ],
      ...["--steps", "2", "--bins", "1", "--seeds", "1", "--guidance", "1"],
      ...["--units", "mid_block.resnets.0", "--scheduler", "dpmpp-2m"],
      ...["--scheduler-option", "timestep_spacing=trailing"],
    ]);
    expect(exitCode).toBe(0);
    const manifest = JSON.parse(contents(out)["manifest.json"]!) as {
      settings: Record<string, unknown>;
      timesteps: readonly number[];
      pairs: unknown[];
    };
    const { settings, pairs, timesteps } = manifest;
    expect(timesteps).toEqual([999, 499]);
    expect(settings["prompts"]).toEqual(["a red boat", "a blue house"]);
    expect(settings).toMatchObject({
      scheduler: "dpmpp-2m",
      schedulerOptions: ["timestep_spacing=trailing"],
      guidanceScale: 1,
      numInferenceSteps: 2,
    });
    expect(pairs).toEqual([
      { prompt: 0, seed: 0 },
      { prompt: 1, seed: 0 },
    ]);
  });

  test("takes seed, directions, windows, pictures and the converged path as they are given", async () => {
    const out = join(folder, "options");
    const { exitCode } = await run([
      ...["ablate", model, "--out", out, "--steps", "4", "--bins", "2"],
      ...["--units", "mid_block.resnets.0", "--action", "reuse-3"],
      ...["--seeds", "1", "--seed", "5", "--directions", "3"],
      ...["--windows", "suffix,single", "--pictures", "0", "--converged", "6"],
    ]);
    expect(exitCode).toBe(0);
    const files = contents(out);
    const lines = (name: string) => files[name]!.trim().split("\n");
    expect(JSON.parse(files["manifest.json"]!)).toMatchObject({
      pairs: [{ prompt: 0, seed: 5 }],
      settings: { windows: ["single", "suffix"], converged: 6 },
    });
    // a single step has nothing to reuse, and a suffix of one bin is that bin
    const cells = lines("cells.jsonl").map(
      (line) => (JSON.parse(line) as { cell: string }).cell,
    );
    expect(cells).toEqual([
      "mid_block.resnets.0/single:000-003/reuse-3",
      "mid_block.resnets.0/suffix:000-004/reuse-3",
    ]);
    expect(files["cells.jsonl"]).toContain('"toConverged":{"ssim":');
    expect(lines("responses.jsonl")).toHaveLength(3 * 3);
    expect(readdirSync(join(out, "pictures"))).toEqual(["reference-0.png"]);
    const converged = readFileSync(join(out, "converged.jsonl"), "utf8");
    expect(JSON.parse(converged)).toMatchObject({ pair: 0 });
  });
});
