import { expect, test } from "vitest";
import { isTooLarge } from "../../src/device/device-fit.js";
import type { Device } from "../../src/device/session.js";
import { openDevice } from "../../src/device/session.js";
import { openFolder } from "../../src/folder/model-folder.js";
import { Model } from "../../src/pipeline/model.js";
import { parseRequest } from "../../src/pipeline/request.js";
import { runPipeline } from "../../src/pipeline/run.js";
import { fixtureFolder } from "../unet/unet-runs.js";
import { finishRun } from "./finish-run.js";

const wasm = await openDevice("wasm", { threads: 1 });

/** Draws 40 × 24 pixels on a device: latents of 20 × 12, tiles of 8 × 8. */
async function draw(device: Device, vaeTiling?: boolean) {
  const folder = await openFolder(fixtureFolder("tiny-sd-image-ts"));
  const model = await Model.load(folder, device);
  const { images, sample, report } = await finishRun(
    runPipeline(
      model,
      parseRequest({
        prompt: "a boat",
        height: 40,
        width: 24,
        numInferenceSteps: 2,
        ...(vaeTiling !== undefined && { vaeTiling }),
      }),
    ),
  );
  await model.dispose();
  return { data: images[0]!.data, sample, warnings: report.warnings.join() };
}

test("vaeTiling takes pictures through the VAE in tiles, or whole", async () => {
  const whole = await draw(wasm);
  const never = await draw(wasm, false);
  const tiled = await draw(wasm, true);
  expect(never).toEqual(whole);
  expect(tiled.data).not.toEqual(whole.data);
  expect({ ...tiled, data: whole.data }).toEqual(whole);
});

test("vaeTiling is taken by itself, with a warning, where the device cannot hold the picture whole", async () => {
  // the largest value of the VAE are the scores of its attention, 240 × 240
  const small = { ...wasm, maxTensorBytes: 4 * 50_000 };
  const tiled = await draw(small);
  expect(tiled.warnings).toContain("in tiles of 16 pixels");
  expect(tiled.data).toEqual((await draw(wasm, true)).data);
  const whole = await draw(small, false);
  expect(whole.data).toEqual((await draw(wasm)).data);
  expect(whole.warnings).not.toContain("tiles");
});

test("isTooLarge() is what half of WASM's heap, or a GPU's tensor, does not hold", () => {
  // 768 × 768 and 1,024 × 1,024 pixels of 256 channels
  expect(isTooLarge(256 * 768 ** 2, { ...wasm, kind: "node" })).toBe(false);
  expect(isTooLarge(128 * 768 ** 2, wasm)).toBe(false);
  expect(isTooLarge(256 * 1024 ** 2, wasm)).toBe(true);
  const gpu: Device = { ...wasm, kind: "webgpu", maxTensorBytes: 2 ** 30 };
  expect(isTooLarge(2 ** 28, gpu)).toBe(false);
  expect(isTooLarge(2 ** 28 + 1, gpu)).toBe(true);
});
