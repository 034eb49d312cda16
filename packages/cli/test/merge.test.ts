import { spawnSync } from "node:child_process";
import {
  cpSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import type { SweepManifest } from "@phaseskip/ablation";
import { fixture, run } from "./run.js";
import { commandFolder, contents, small } from "./sweeps.js";

const model = fixture("tiny-ddpm-ts");
let folder: string;
let whole: string;

const deployed = (name: string) =>
  readFileSync(
    fileURLToPath(new URL(`../../../deploy/sweep/${name}`, import.meta.url)),
    "utf8",
  );

/** Runs a shell command of a manifest, with `phaseskip` being this repository's. */
const shell = (command: readonly string[], env: Record<string, string>) => {
  const [program, ...args] = command;
  return spawnSync(program!, args, {
    encoding: "utf8",
    cwd: folder,
    env: { PATH: `${commandFolder(folder)}:${process.env["PATH"]}`, ...env },
  });
};

const shardsOf = (name: string, count: number) =>
  Array.from({ length: count }, (_, i) => join(folder, name, `shard-${i}`));

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "merge-"));
  whole = join(folder, "whole");
  await run(["ablate", model, "--out", whole, ...small]);
  for (const [i, out] of shardsOf("own", 2).entries())
    await run(["ablate", model, "--out", out, ...small, "--shard", `${i}/2`]);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A copy of shard 1 with a changed manifest. */
const changed = (name: string, change: (manifest: SweepManifest) => object) => {
  const copy = join(folder, name);
  cpSync(shardsOf("own", 2)[1]!, copy, { recursive: true });
  const path = join(copy, "manifest.json");
  const manifest = JSON.parse(readFileSync(path, "utf8")) as SweepManifest;
  writeFileSync(path, JSON.stringify({ ...manifest, ...change(manifest) }));
  return copy;
};

const refusal = async (folders: readonly string[], ...options: string[]) => {
  const out = join(folder, "refused");
  const { exitCode, stderr } = await run([
    "merge",
    ...folders,
    "--out",
    out,
    ...options,
  ]);
  expect(exitCode).toBe(2);
  return stderr;
};

describe("merge", () => {
  test("gives the bytes of one run, in any order of the shards", async () => {
    const merged = join(folder, "merged");
    const shards = shardsOf("own", 2).reverse();
    const { exitCode } = await run(["merge", ...shards, "--out", merged]);
    expect(exitCode).toBe(0);
    expect(contents(merged)).toEqual(contents(whole));
    const pictures = (of: string) =>
      Object.fromEntries(
        readdirSync(join(of, "pictures")).map((name) => [
          name,
          readFileSync(join(of, "pictures", name)).toString("base64"),
        ]),
      );
    expect(pictures(merged)).toEqual(pictures(whole));
  });

  test("runs the Kubernetes Job's own command for every index, and merges to the bytes of one run", async () => {
    const [job] = parseAllDocuments(deployed("job.yaml"));
    const { spec } = job!.toJS() as {
      spec: {
        completionMode: string;
        completions: number;
        template: {
          spec: {
            containers: {
              command: string[];
              env: { name: string; value: string }[];
            }[];
          };
        };
      };
    };
    expect(spec.completionMode).toBe("Indexed");
    const [container] = spec.template.spec.containers;
    const env = Object.fromEntries(
      container!.env.map(({ name, value }) => [name, value]),
    );
    expect(Number(env["SHARDS"])).toBe(spec.completions);
    for (let index = 0; index < spec.completions; index++) {
      const { status, stderr } = shell(container!.command, {
        ...env,
        MODEL: model,
        OUT: join(folder, "job"),
        OPTIONS: small.join(" "),
        JOB_COMPLETION_INDEX: String(index),
      });
      expect(stderr).toContain(`shard ${index}/${spec.completions}`);
      expect(status).toBe(0);
    }
    const merged = join(folder, "job-merged");
    const shards = shardsOf("job", spec.completions);
    await run(["merge", ...shards, "--out", merged]);
    expect(contents(merged)).toEqual(contents(whole));
  }, 900_000);

  test("runs the workflow's own commands for every shard of its matrix", () => {
    interface WorkflowJob {
      strategy?: { matrix: { shard: number[] } };
      steps: { name?: string; run?: string; env?: Record<string, string> }[];
    }
    const { jobs } = parse(deployed("workflow.yml")) as {
      jobs: { ablate: WorkflowJob; merge: WorkflowJob };
    };
    const stepOf = (job: WorkflowJob, name: string) =>
      job.steps.find((step) => step.name === name)!;
    const local = (command: string) =>
      command.replaceAll("npx phaseskip", "phaseskip");
    const OUT = join(folder, "workflow");
    const ablate = stepOf(jobs.ablate, "ablate");
    const { shard: matrix } = jobs.ablate.strategy!.matrix;
    expect(ablate.env!["SHARDS"]).toBe(String(matrix.length));
    for (const shard of matrix) {
      const { status } = shell(["bash", "-e", "-c", local(ablate.run!)], {
        ...ablate.env!,
        MODEL: model,
        OPTIONS: small.join(" "),
        OUT,
        SHARD: String(shard),
      });
      expect(status).toBe(0);
    }
    const merge = stepOf(jobs.merge, "merge");
    const { status } = shell(["bash", "-e", "-c", local(merge.run!)], { OUT });
    expect(status).toBe(0);
    const { "manifest.json": manifest, ...rows } = contents(
      join(OUT, "merged"),
    );
    const { "manifest.json": _, ...wholeRows } = contents(whole);
    expect(rows).toEqual(wholeRows);
    expect(JSON.parse(manifest!)).toMatchObject({ tolerance: 1e-3 });
  }, 900_000);

  test("names the shards that are missing", async () => {
    expect(await refusal(shardsOf("own", 2).slice(1))).toContain(
      "all 2 shards must be there: missing is 0/2",
    );
  });

  test("refuses a shard twice, an unfinished one, and a folder that is none", async () => {
    const [first, second] = shardsOf("own", 2);
    expect(await refusal([first!, second!, second!])).toContain(
      "both hold 1/2",
    );
    const torn = changed("torn", () => ({}));
    const journal = join(torn, "journal.jsonl");
    const lines = readFileSync(journal, "utf8").trim().split("\n");
    writeFileSync(journal, `${lines.slice(0, -1).join("\n")}\n`);
    expect(await refusal([first!, torn])).toContain(
      "it must be finished: 1 of its",
    );
    expect(await refusal([folder])).toContain("it has no manifest.json");
  });

  test.each([
    ["model", "the model's hash"],
    ["planLanguage", "the plan language's version"],
    ["onnxRuntime", "ONNX Runtime's build"],
  ])("refuses shards that differ in %s", async (key, message) => {
    const other = changed(key, ({ identity }) => ({
      identity: { ...identity, [key]: "another" },
    }));
    const stderr = await refusal([shardsOf("own", 2)[0]!, other]);
    expect(stderr).toContain(`they differ in ${message}`);
    expect(
      await refusal([shardsOf("own", 2)[0]!, other], "--tolerance", "1"),
    ).toContain(message);
  });

  test("takes other processors only with a tolerance, which it records", async () => {
    const [first] = shardsOf("own", 2);
    const other = changed("cpu", () => ({ cpu: "x64 another" }));
    expect(await refusal([first!, other])).toContain(
      "--tolerance lets them pass",
    );
    const out = join(folder, "tolerant");
    const { exitCode } = await run([
      "merge",
      first!,
      other,
      "--out",
      out,
      "--tolerance",
      "1e-4",
    ]);
    expect(exitCode).toBe(0);
    const manifest = JSON.parse(contents(out)["manifest.json"]!) as Record<
      string,
      unknown
    >;
    expect(manifest).toMatchObject({ tolerance: 1e-4 });
    expect(manifest["cpu"]).toContain("x64 another");
    expect(manifest["cpu"]).toContain(" | ");
  });

  test("refuses full runs that lie further apart than the tolerance", async () => {
    const [first] = shardsOf("own", 2);
    const other = changed("apart", () => ({}));
    const path = join(other, "references.jsonl");
    const text = readFileSync(path, "utf8");
    writeFileSync(
      path,
      text.replace(
        /"projections":\[(-?[\d.]+)/,
        (_, x) => `"projections":[${Number(x) * 1.01 + 0.01}`,
      ),
    );
    expect(await refusal([first!, other])).toContain("the full run of pair 0");
    expect(await refusal([first!, other], "--tolerance", "1e-9")).toContain(
      "--tolerance must be at least that",
    );
  });
});
