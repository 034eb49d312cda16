// A Unet whose numbers overflow says where.
import { copyFile, cp, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bytesSource, loadGraph } from "@phaseskip/graph";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Device } from "../../src/device/session.js";
import { openDevice } from "../../src/device/session.js";
import { openFolder } from "../../src/folder/model-folder.js";
import { Model } from "../../src/pipeline/model.js";
import { parseRequest } from "../../src/pipeline/request.js";
import { runPipeline } from "../../src/pipeline/run.js";
import { finishRun } from "../pipeline/finish-run.js";
import { fixtureFile, fixtureFolder } from "./unet-runs.js";

const fixture = "tiny-text-ts";
const file = "unet/model.onnx";
const options = { prompt: "a boat", numInferenceSteps: 2, seed: 1 };
const reuse = {
  format: "phaseskip-plan",
  version: 1,
  phases: [],
  rules: [{ units: ["mid_block"], action: "reuse", refresh: { every: 2 } }],
} as const;

const two = { numImagesPerPrompt: 2 };

let folder: string;
let device: Device;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "phaseskip-not-finite-"));
  await cp(fixtureFolder(fixture), folder, { recursive: true });
  device = await openDevice("wasm", { threads: 1 });
});
afterAll(() => rm(folder, { recursive: true }));

/** Writes a number all over a weight, and draws. */
async function drawWith(
  weight: string,
  value: number,
  more: object,
): Promise<unknown> {
  await copyFile(`${fixtureFolder(fixture)}/${file}`, join(folder, file));
  const graph = await loadGraph(bytesSource(fixtureFile(fixture, file)));
  const { data, byteLength } = graph.weights.get(weight)!;
  const handle = await open(join(folder, file), "r+");
  const bytes = new Uint8Array(
    new Float32Array(byteLength / 4).fill(value).buffer,
  );
  await handle.write(
    bytes,
    0,
    bytes.length,
    (data as { offset: number }).offset,
  );
  await handle.close();
  const model = await Model.load(await openFolder(folder), device);
  try {
    const request = parseRequest({ ...options, ...more });
    return await finishRun(runPipeline(model, request)).then(
      () => undefined,
      (error: unknown) => error,
    );
  } finally {
    await model.dispose();
  }
}

describe("a Unet that overflows", () => {
  test.each([
    ["up_blocks.0.resnets.1.conv2.weight", 3e38, {}],
    ["mid_block.resnets.0.conv1.weight", NaN, { plan: reuse, ...two }],
  ])("names the unit of %s, %d", async (weight, value, more) => {
    const unit = weight.replace(".weight", "");
    expect(await drawWith(weight, value, more)).toMatchObject({
      code: "inference-failed",
      message: expect.stringMatching(
        `^Cannot go on as the Unet at timestep \\d+ must give finite numbers: the first unit that does not is ${unit}, which gives (NaN|-?Infinity); look at its weights`,
      ) as string,
    });
  });

  test("by its plan alone blames the plan", async () => {
    const rule = { units: ["mid_block"], action: "scale", factor: 3e38 };
    const plan = { ...reuse, rules: [rule] };
    expect(
      await drawWith("mid_block.resnets.0.conv1.weight", 0.01, { plan }),
    ).toMatchObject({
      code: "inference-failed",
      message: expect.stringContaining(
        "computed once more without a plan, all units do; leave the plan out",
      ) as string,
    });
  });
});
