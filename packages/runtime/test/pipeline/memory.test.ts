// What memory.ts predicts, and what is refused for it.

import type { PhaseskipError } from "@phaseskip/graph";
import { heldWeightBytes } from "@phaseskip/graph";
import { expect, test, vi } from "vitest";
import { openFolder } from "../../src/folder/model-folder.js";
import { openDevice } from "../../src/device/session.js";
import { describeRun } from "../../src/pipeline/plan-description.js";
import { Model } from "../../src/pipeline/model.js";
import { planRun } from "../../src/pipeline/plan-run.js";
import { parseRequest } from "../../src/pipeline/request.js";
import { prepareRun } from "../../src/pipeline/run-setup.js";
import { countingDevice } from "../device/counting-device.js";
import { fixtureFolder } from "../unet/unet-runs.js";

vi.setConfig({ testTimeout: 120_000 });

test("a run that cannot fit WebAssembly's memory is refused before any session of it is made, with a size that fits", async () => {
  const wasm = await openDevice("wasm", { threads: 1 });
  const { device, alive } = countingDevice(wasm);
  const folder = await openFolder(fixtureFolder("tiny-text-ts"));
  const model = await Model.load(folder, device);
  const side = (pixels: number) =>
    parseRequest({
      prompt: "a red boat",
      height: pixels,
      width: pixels,
      numInferenceSteps: 2,
    });
  const refused = await prepareRun(model, side(8192)).catch(
    (error: unknown) => error as PhaseskipError,
  );
  expect(refused).toMatchObject({ code: "out-of-memory" });
  expect(alive.sessions).toBe(0);
  const [, fitting] = /: draw at (\d+) × \1 pixels/.exec(
    (refused as PhaseskipError).message,
  )!;
  const run = await planRun(model, side(Number(fitting)));
  const { memory } = await describeRun(run, device);
  expect(memory!.device).toBeLessThan(2 ** 32);
  expect(memory!.device).toBeGreaterThan(2 ** 31);
  await model.dispose();
});

test("a description tells weights as they are held, and values in proportion to the picture", async () => {
  const device = await openDevice("wasm", { threads: 1 });
  const folder = await openFolder(fixtureFolder("tiny-text-ts-f16"));
  const model = await Model.load(folder, device);
  const described = async (side: number) => {
    const request = parseRequest({ prompt: "sun", height: side, width: side });
    return (await describeRun(await planRun(model, request), device)).memory!;
  };
  const small = await described(32);
  const large = await described(64);
  const { unetGraph } = model;
  const held = { hasHalf: false, half: "widened" } as const;
  const names = unetGraph.weights.keys();
  const unet = heldWeightBytes(unetGraph, names, held);
  expect(small.weights).toBeGreaterThanOrEqual(0.9 * unet);
  expect(large.weights).toBe(small.weights);
  expect(large.running / small.running).toBeGreaterThan(3);
  await model.dispose();
});

test("a picture that goes through the VAE in tiles takes what a tile takes, in the prediction and in what is refused", async () => {
  const device = await openDevice("wasm", { threads: 1 });
  const folder = await openFolder(fixtureFolder("tiny-sd-image-ts"));
  const model = await Model.load(folder, device);
  const asked = (side: number, vaeTiling?: boolean) =>
    parseRequest({
      prompt: "sun",
      height: side,
      width: side,
      numInferenceSteps: 2,
      ...(vaeTiling !== undefined && { vaeTiling }),
    });
  const memory = async (side: number, vaeTiling?: boolean) => {
    const run = await planRun(model, asked(side, vaeTiling));
    return (await describeRun(run, device)).memory!;
  };
  expect((await memory(128)).running).toBe((await memory(128, false)).running);
  expect((await memory(128, true)).running).toBeLessThan(
    (await memory(128)).running / 4,
  );
  // the scores of the VAE's own attention, 256² × 256², are what no heap holds: tiles are taken by themselves
  expect((await memory(512)).running).toBe((await memory(512, true)).running);
  await expect(prepareRun(model, asked(512, false))).rejects.toMatchObject({
    code: "out-of-memory",
  });
  await model.dispose();
});
