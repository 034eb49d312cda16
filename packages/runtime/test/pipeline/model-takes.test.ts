// What models say that they take, against what calls on them accept.

import { cp, mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ElementType } from "@phaseskip/graph";
import { expect, test } from "vitest";
import { openDevice } from "../../src/device/session.js";
import { openFolder } from "../../src/folder/model-folder.js";
import { Model } from "../../src/pipeline/model.js";
import { modelTakes, type ModelTakes } from "../../src/pipeline/model-takes.js";
import { fixtureFolder } from "../unet/unet-runs.js";

const device = await openDevice("wasm", { threads: 1 });

async function takesOf(location: string): Promise<ModelTakes> {
  const model = await Model.load(await openFolder(location), device);
  try {
    return await modelTakes(model);
  } finally {
    await model.dispose();
  }
}

const text = ["prompt", "negativePrompt", "guidanceScale"];
const start = ["image", "mask", "strength"];

test.each([
  ["tiny-ddpm-ts", start, []],
  ["tiny-sd-ts", text, []],
  ["tiny-sd-image-ts", [...text, ...start], []],
  ["tiny-lcm-ts", ["prompt", "guidanceScale", ...start], []],
  ["tiny-inpaint-ts", [...text, ...start], ["image", "mask"]],
  ["tiny-pix2pix-ts", [...text, "image", "imageGuidanceScale"], ["image"]],
  ["tiny-upscale-ts", [...text, "image", "noiseLevel"], ["image"]],
  ["tiny-control-ts", [...text, "control"], []],
])("%s takes %j and needs %j", async (name, options, needs) => {
  const takes = await takesOf(fixtureFolder(name));
  expect(takes.options).toEqual(options);
  expect(takes.needs).toEqual(needs);
});

test("a Unet that reads a class's number needs it, one that reads a vector is told none", async () => {
  const folder = await openFolder(fixtureFolder("tiny-ddpm-ts"));
  const model = await Model.load(folder, device);
  const { index, unetGraph } = model;
  const withLabel = (dims: readonly (string | number)[]) => {
    const label = { name: "class_labels", type: ElementType.INT64, dims };
    const inputs = [...unetGraph.inputs, label];
    return modelTakes({ folder, index, unetGraph: { ...unetGraph, inputs } });
  };
  expect((await withLabel(["batch"])).needs).toEqual(["classLabel"]);
  expect((await withLabel(["batch", 6])).options).not.toContain("classLabel");
  await model.dispose();
});

test("says in pixels how large pictures are, and what other sizes are multiples of", async () => {
  const open = await takesOf(fixtureFolder("tiny-sd-image-ts"));
  expect(open).toMatchObject({ enlargement: 1, controlNets: [] });
  expect(open.height! % open.sizeMultiple!).toBe(0);
  const fixed = await takesOf(fixtureFolder("tiny-text-ts-static"));
  expect(fixed.sizeMultiple).toBeUndefined();
  expect(fixed.height).toBeGreaterThan(0);
});

test("an upscaler says by how much, a folder with ControlNets names them", async () => {
  const { enlargement } = await takesOf(fixtureFolder("tiny-upscale-ts"));
  expect(enlargement).toBeGreaterThan(1);
  const { controlNets } = await takesOf(fixtureFolder("tiny-control-ts"));
  expect(controlNets).toEqual(["controlnet_0", "controlnet_1"]);
});

test("a folder's dtypes are those of its files, the one in use first", async () => {
  const half = await takesOf(fixtureFolder("tiny-text-ts-f16"));
  expect(half.dtypes).toEqual(["fp16"]);
  const folder = await mkdtemp(join(tmpdir(), "phaseskip-takes-"));
  try {
    await cp(fixtureFolder("tiny-text-ts"), folder, { recursive: true });
    const unet = join(folder, "unet");
    await cp(join(unet, "model.onnx"), join(unet, "model_q4.onnx"));
    expect((await takesOf(folder)).dtypes).toEqual(["fp32", "q4"]);
    await rename(join(unet, "model_q4.onnx"), join(unet, "model_fp32.onnx"));
    expect((await takesOf(folder)).dtypes).toEqual(["fp32"]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
