// A Unet that diffusers never saw, on the command line.

import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { readNpy } from "../src/pictures/npy.js";
import { fixture, run } from "./run.js";

vi.setConfig({ testTimeout: 120_000 });

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "inputs-"));
  // without what says how its inputs are called
  await cp(join(fixture("tiny-adm-ts"), "model.onnx"), join(folder, "m.onnx"));
});
afterAll(() => rm(folder, { recursive: true }));

const names = [
  ...["--input", "sample=x", "--input", "timestep=c_noise"],
  ...["--input", "output=F_x"],
];
const edm = ["--scheduler", "edm-euler", "--steps", "3"];
const size = ["--height", "16", "--width", "16"];

test("generate takes --input and --constant, and says how to give them", async () => {
  const model = join(folder, "m.onnx");
  const draw = async (out: string, ...more: string[]) => {
    const file = join(folder, out);
    const { exitCode, stderr } = await run([
      ...["generate", model, ...names, ...edm, ...size],
      ...["--save-sample", file, ...more],
    ]);
    expect([exitCode, stderr]).toEqual([
      0,
      expect.not.stringContaining("Cannot"),
    ]);
    return (await readNpy(file)).data;
  };
  const three = await draw("three.npy", "--constant", "y=3");
  const four = await draw("four.npy", "--constant", "y=4");
  expect(four).not.toEqual(three);
  const silent = await run(["generate", model, ...edm]);
  expect(silent.exitCode).not.toBe(0);
  expect(silent.stderr).toContain(
    "--input sample=x --input timestep=c_noise --constant y=0",
  );
  const wrong = await run(["generate", model, "--constant", "y"]);
  expect(wrong.exitCode).toBe(2);
  expect(wrong.stderr).toContain("It must be NAME=NUMBER");
});

test("inspect lists the units of a bare file by their own names", async () => {
  const model = join(fixture("tiny-adm-ts"), "model.onnx");
  const { exitCode, stdout } = await run(["inspect", model, "--json"]);
  expect(exitCode).toBe(0);
  const { units } = JSON.parse(stdout) as {
    units: { path: string; kind: string }[];
  };
  expect(units).toContainEqual(
    expect.objectContaining({ path: "output_blocks.3", kind: "block" }),
  );
});

test("pack lists what is beside a Unet", async () => {
  const copy = join(folder, "packed");
  await cp(fixture("tiny-adm-dynamo"), copy, { recursive: true });
  expect((await run(["pack", copy])).exitCode).toBe(0);
  const list = await readFile(join(copy, "phaseskip.json"), "utf8");
  expect(list).toContain("unet/phaseskip-inputs.json");
});
