import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadPipeline, type FolderProgress } from "@phaseskip/runtime";
import { serveFaults } from "../../../e2e/fault-server.js";
import { writeLayout } from "../../../models/layouts.mjs";
import { run } from "./run.js";

let root: string;
let model: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "phaseskip-dtype-"));
  model = join(root, "model");
  writeLayout("several-dtypes", model);
});
afterAll(() => rmSync(root, { recursive: true }));

/** The sample that the command writes. */
async function sample(...more: string[]): Promise<Buffer> {
  const out = join(root, "sample.npy");
  const { exitCode, stderr } = await run([
    ...["generate", model, "--prompt", "a red boat", "--steps", "1"],
    ...["--save-sample", out, ...more],
  ]);
  expect([exitCode, stderr.includes("Cannot")]).toEqual([0, false]);
  return readFileSync(out);
}

describe("--dtype", () => {
  test("picks the file that generate draws with", async () => {
    const full = await sample("--dtype", "fp32");
    expect(await sample()).toEqual(full);
    expect(await sample("--dtype", "fp16")).not.toEqual(full);
  });

  test("picks the file that inspect reads, and it says which", async () => {
    const said = async (...more: string[]) =>
      JSON.parse((await run(["inspect", model, "--json", ...more])).stdout) as {
        unet: unknown;
      };
    const half = await said("--dtype", "fp16");
    expect(half.unet).toEqual({ file: "unet/model_fp16.onnx", dtype: "fp16" });
    expect((await said()).unet).toEqual({
      file: "unet/model.onnx",
      dtype: "fp32",
    });
    const { stdout } = await run(["inspect", model, "--dtype", "fp16"]);
    expect(stdout).toContain("the Unet is unet/model_fp16.onnx, fp16");
  });

  test("that is none is wrong usage; that the folder lacks lists what it has", async () => {
    const { exitCode } = await run(["inspect", model, "--dtype", "fp8"]);
    expect(exitCode).toBe(2);
    for (const command of ["inspect", "bench"]) {
      const lacking = await run([command, model, "--dtype", "q4f16"]);
      expect(lacking.exitCode).toBe(1);
      expect(lacking.stderr).toMatch(/unet\/model_fp16\.onnx \(fp16\)/);
    }
  });
});

test("loadPipeline() fetches the files of the dtype alone, and tells their bytes", async () => {
  const packed = join(root, "packed");
  cpSync(model, packed, { recursive: true });
  expect((await run(["pack", packed])).exitCode).toBe(0);
  const list = JSON.parse(
    readFileSync(join(packed, "phaseskip.json"), "utf8"),
  ) as { files: Record<string, { size: number }> };
  expect(list.files).toHaveProperty(["unet/model_fp16.onnx"]);
  const files = ["phaseskip.json", ...Object.keys(list.files)].map(
    (path) =>
      [path, { body: readFileSync(join(packed, path)), etag: '"1"' }] as const,
  );
  const server = await serveFaults({ files: Object.fromEntries(files) });
  const told: FolderProgress[] = [];
  const pipeline = await loadPipeline(server.url, {
    worker: () => new Worker(new URL("../src/node-worker.ts", import.meta.url)),
    device: "wasm",
    dtype: "fp16",
    cache: false,
    onProgress: (progress) => told.push(progress),
  });
  pipeline.dispose();
  await server.close();
  const asked = server.requests.join("\n");
  expect(asked).toContain("unet/model_fp16.onnx");
  expect(asked).not.toContain("unet/model.onnx");
  const last = told.at(-1)!;
  const sizes = Object.entries(list.files)
    .filter(([path]) => path !== "unet/model.onnx")
    .reduce((sum, [, { size }]) => sum + size, 0);
  expect(last.modelTotal).toBeLessThanOrEqual(
    sizes + readFileSync(join(packed, "phaseskip.json")).length,
  );
  for (const { modelLoaded, modelTotal } of told.slice(1))
    expect(modelLoaded).toBeLessThanOrEqual(modelTotal);
});
