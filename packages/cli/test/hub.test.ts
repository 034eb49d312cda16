import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { Worker } from "node:worker_threads";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { loadPipeline, type FolderProgress } from "@phaseskip/runtime";
import { serveHub, type HubServer } from "../../../e2e/hub-server.js";
import { fixture, run } from "./run.js";

const NAME = "someone/tiny";
let root: string;
let hub: HubServer;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "phaseskip-hub-"));
  hub = await serveHub();
  const folder = fixture("tiny-text-ts");
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== "phaseskip.json")
    .map((entry) => join(entry.parentPath, entry.name));
  hub.models.set(NAME, {
    files: Object.fromEntries(
      files.map((file) => [relative(folder, file), readFileSync(file)]),
    ),
    large: ["unet/model.onnx"],
    secret: "mine",
    faults: {},
  });
});
afterAll(async () => {
  rmSync(root, { recursive: true });
  await hub.close();
});
afterEach(() => vi.unstubAllEnvs());

/** The sample that the command writes, drawn by this model. */
async function sample(model: string): Promise<Buffer> {
  const out = join(root, "sample.npy");
  const { exitCode, stderr } = await run([
    ...["generate", model, "--prompt", "a red boat", "--steps", "2"],
    ...["--save-sample", out],
  ]);
  expect([exitCode, stderr.includes("Cannot")]).toEqual([0, false]);
  return readFileSync(out);
}

test("generate draws with a model of a hub as with the same in a folder", async () => {
  vi.stubEnv("HF_ENDPOINT", hub.origin);
  vi.stubEnv("HF_TOKEN", "mine");
  expect(await sample(NAME)).toEqual(await sample(fixture("tiny-text-ts")));
  expect(hub.requests.join()).toContain("/tree/main");
});

test("inspect and plan files read the same model; a revision that is none is told", async () => {
  vi.stubEnv("HF_ENDPOINT", hub.origin);
  vi.stubEnv("HF_TOKEN", "mine");
  const inspected = async (model: string) => {
    const { stdout } = await run(["inspect", model, "--no-time", "--json"]);
    return (JSON.parse(stdout) as { units: unknown }).units;
  };
  expect(await inspected(NAME)).toEqual(
    await inspected(fixture("tiny-text-ts")),
  );
  for (const command of ["inspect", "generate", "bench"]) {
    const { exitCode, stderr } = await run([command, NAME, "--revision", "v9"]);
    expect(exitCode, command).toBe(1);
    expect(stderr).toContain("RevisionNotFound");
  }
  const sweep = join(root, "sweep");
  for (const more of [
    ["ablate", NAME, "--out", sweep],
    ["fit", NAME, "--plan", "balanced", "--prompts", join(root, "none.txt")],
  ]) {
    const { stderr } = await run([...more, "--revision", "v9"]);
    expect(stderr, more[0]).toContain("RevisionNotFound");
  }
});

test("without its token a private model is none", async () => {
  vi.stubEnv("HF_ENDPOINT", hub.origin);
  vi.stubEnv("HF_TOKEN", "");
  const { exitCode, stderr } = await run(["generate", NAME]);
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/the hub answers 401 .*RepoNotFound.*token/);
});

test("loadPipeline() takes a name, and a function for its token", async () => {
  const progress: FolderProgress[] = [];
  const asked: string[] = [];
  const pipeline = await loadPipeline(NAME, {
    worker: () => new Worker(new URL("../src/node-worker.ts", import.meta.url)),
    device: "wasm",
    hub: hub.origin,
    revision: "main",
    token: () => {
      asked.push("token");
      return "mine";
    },
    onProgress: (event) => progress.push(event),
  });
  const { images } = await pipeline.generate({
    prompt: "a red boat",
    numInferenceSteps: 1,
  });
  pipeline.dispose();
  expect(images).toHaveLength(1);
  expect(asked.length).toBeGreaterThan(1);
  const totals = progress.map(({ modelTotal }) => modelTotal);
  expect(new Set(totals.slice(1, -1)).size).toBe(1);
});
