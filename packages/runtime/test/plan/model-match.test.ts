// Whether a model is what a plan was made for, and whether its own scheduler is known.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { loadGraph } from "@phaseskip/graph";
import { afterAll, expect, test, vi } from "vitest";
import { openFolder } from "../../src/folder/model-folder.js";
import { Model } from "../../src/pipeline/model.js";
import { parseRequest } from "../../src/pipeline/request.js";
import { prepareRun } from "../../src/pipeline/run-setup.js";
import { openDevice } from "../../src/device/session.js";
import { unetDigest } from "../../src/folder/unet-digest.js";

vi.setConfig({ testTimeout: 60_000 });

const path = (name: string) =>
  fileURLToPath(new URL(`../../../../models/${name}`, import.meta.url));
const sha256 = (bytes: Uint8Array) =>
  createHash("sha256").update(bytes).digest();

/** By the words of the plan format: these files are below 16 MiB, so each is one chunk. */
const digestOf = (...files: string[]) =>
  `sha256:${sha256(Buffer.concat(files.map((file) => sha256(readFileSync(path(file)))))).toString("hex")}`;

const model = await Model.load(
  await openFolder(path("tiny-ddpm-ts")),
  await openDevice("wasm", { threads: 1 }),
);
afterAll(() => model.dispose());

const planFor = (unet: string) => ({
  format: "phaseskip-plan" as const,
  version: 1 as const,
  name: "made-elsewhere",
  phases: [],
  rules: [],
  model: { unet },
});

test("unetDigest() digests the ONNX file, then the external ones", async () => {
  const folder = await openFolder(path("tiny-text-dynamo"));
  const file = await folder.file("unet/model.onnx");
  const found = await unetDigest(
    folder,
    await loadGraph(file!),
    "unet/model.onnx",
  );
  await folder.close();
  const unet = "tiny-text-dynamo/unet";
  expect(found).toBe(digestOf(`${unet}/model.onnx`, `${unet}/model.onnx.data`));
});

test("prepareRun() takes a plan that was made for the model", async () => {
  const plan = planFor(digestOf("tiny-ddpm-ts/unet/model.onnx"));
  const setup = await prepareRun(
    model,
    parseRequest({ plan, numInferenceSteps: 2 }),
  );
  expect(setup.warnings).toEqual([]);
});

test("prepareRun() refuses a plan that was made for another model", async () => {
  const plan = planFor(`sha256:${"0".repeat(64)}`);
  await expect(
    prepareRun(model, parseRequest({ plan, numInferenceSteps: 2 })),
  ).rejects.toMatchObject({
    code: "plan-invalid",
    message: expect.stringMatching(
      /made-elsewhere as it was made for another model/,
    ) as string,
  });
});

test("prepareRun() names the model's own scheduler where it is not known", async () => {
  const schedulerConfig = { _class_name: "RePaintScheduler" };
  const other = Object.create(model, {
    index: { value: { ...model.index, schedulerConfig } },
  }) as Model;
  await expect(prepareRun(other, parseRequest({}))).rejects.toMatchObject({
    code: "model-unsupported",
    message: expect.stringMatching(
      /RePaintScheduler, as it is not known here: choose one of ddpm/,
    ) as string,
  });
});
