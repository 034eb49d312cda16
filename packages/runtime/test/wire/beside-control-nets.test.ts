// ControlNets that are given beside a model: through the worker, from disk and over HTTP.

import { cp, mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { serveFaults } from "../../../../e2e/fault-server.js";
import {
  loadPipeline,
  type GenerateOptions,
  type LoadOptions,
} from "../../src/index.js";
import { levels } from "../pipeline/draws.js";
import { fewSteps, relativeError } from "../pipeline/pipeline-cases.js";
import { fixtureFolder } from "../unet/unet-runs.js";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let root: string;
/** A folder of the model alone, and its two ControlNets elsewhere. */
const at = (name: string) => join(root, name);

const both = [{ image: levels(1) }, { image: levels(2), scale: 0.5 }];
/** What the fixture draws, whose ControlNets lie inside. */
let inside: Float32Array;

async function draw(
  location: string,
  options: Omit<LoadOptions, "worker">,
  control: GenerateOptions["control"] = both,
): Promise<Float32Array> {
  const pipeline = await loadPipeline(location, {
    worker: () => new Worker(new URL("./pipeline-worker.ts", import.meta.url)),
    device: "wasm",
    threads: 1,
    ...options,
  });
  try {
    const call = { ...fewSteps, numInferenceSteps: 2, control };
    return (await pipeline.generate(call)).sample;
  } finally {
    pipeline.dispose();
  }
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "phaseskip-"));
  const fixture = fixtureFolder("tiny-control-ts");
  await cp(fixture, at("model"), { recursive: true });
  await rename(at("model/controlnet_0"), at("edges"));
  await rename(at("model/controlnet_1"), at("depths"));
  await cp(at("depths/model.onnx"), at("depths.onnx"));
  inside = await draw(fixture, {});
});
afterAll(() => rm(root, { recursive: true }));

describe("controlnet of loadPipeline()", () => {
  test("does what those in a folder do", async () => {
    const controlnet = [at("edges"), at("depths.onnx")];
    expect(await draw(at("model"), { controlnet })).toEqual(inside);
  });

  test("is fetched from where it lies; its order is that of control", async () => {
    const server = await serveFaults({ folder: root });
    try {
      const net = (name: string) => new URL(name, server.url);
      const controlnet = [net("depths/"), net("edges/")];
      const model = net("model/").href;
      const sample = await draw(model, { controlnet }, both.toReversed());
      expect(relativeError(sample, inside)).toBeLessThan(1e-5);
    } finally {
      await server.close();
    }
  });

  test.each([
    ["that is not there", "none", "fetch-failed", "none"],
    [
      "without a network",
      "edges/..",
      "model-invalid",
      "as it has neither model.onnx nor controlnet/model.onnx: give its folder, or its .onnx file",
    ],
    [
      "that is another network",
      "model/unet",
      "model-unsupported",
      "Cannot use controlnet with the Unet",
    ],
  ])("refuses one %s", async (_, name, code, message) => {
    const drawn = draw(at("model"), { controlnet: at(name) });
    await expect(drawn).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message) as string,
    });
  });

  test("refuses what is no location, and ControlNets beside those in a folder", async () => {
    await expect(
      draw(at("model"), { controlnet: [7 as never] }),
    ).rejects.toThrow(
      "controlnet must be the URL, path or name of a ControlNet, or a list of such: one is of type number",
    );
    const controlnet = at("edges");
    await expect(
      draw(fixtureFolder("tiny-control-ts"), { controlnet }),
    ).rejects.toThrow(
      "as controlnet is for models that have no ControlNets of their own: it has controlnet_0, controlnet_1; leave it out",
    );
  });
});
