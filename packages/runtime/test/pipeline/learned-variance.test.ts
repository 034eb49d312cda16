// Unets that give a variance beside the noise, in twice the sample's channels.

import { readFileSync } from "node:fs";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readNpy } from "../../../cli/src/pictures/npy.js";
import {
  readModelProto,
  writeModelProto,
} from "../../../graph/src/onnx/onnx_pb.js";
import { ElementType } from "../../../graph/src/onnx/types.js";
import { decode, encode } from "../../../graph/src/onnx/wire.js";
import { op, weightOf } from "../../../graph/test/onnx-model.js";
import { openDevice } from "../../src/device/session.js";
import { openFolder } from "../../src/folder/model-folder.js";
import { Model } from "../../src/pipeline/model.js";
import type { DenoiseOptions } from "../../src/pipeline/request.js";
import { parseRequest } from "../../src/pipeline/request.js";
import { runPipeline } from "../../src/pipeline/run.js";
import { fixtureFolder } from "../unet/unet-runs.js";
import { finishRun } from "./finish-run.js";
import { relativeError } from "./pipeline-cases.js";

/** As models/golden_variance.py has it. */
const share = 0.3;
const options: DenoiseOptions = {
  prompt: "a red boat on the sea at night",
  ...{ seed: 17, numInferenceSteps: 8, guidanceScale: 4 },
};

const device = await openDevice("wasm", { threads: 1 });
let root: string;
let model: Model;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "phaseskip-"));
  await cp(fixtureFolder("tiny-text-ts"), root, { recursive: true });
  const path = join(root, "unet/model.onnx");
  const proto = decode(readModelProto, new Uint8Array(readFileSync(path)));
  const graph = proto.graph!;
  const [output] = graph.output;
  const noise = output!.name;
  output!.name = "both";
  output!.type!.tensor_type!.shape!.dim[1]!.dim_value = 6;
  graph.initializer.push(weightOf("share", ElementType.FLOAT, [1], [share]));
  graph.node.push(
    op("Mul", [noise, "share"], ["variance"]),
    op("Concat", [noise, "variance"], ["both"], { axis: 1 }),
  );
  await writeFile(path, encode(writeModelProto, proto));
  model = await Model.load(await openFolder(root), device);
});
afterAll(async () => {
  await model.dispose();
  await rm(root, { recursive: true });
});

const draw = (one: Model, more: DenoiseOptions) =>
  finishRun(runPipeline(one, parseRequest({ ...options, ...more })));

test("DDPM takes the variance of cond, and guidance mixes what is predicted", async () => {
  const scheduler = { name: "ddpm", varianceType: "learned_range" } as const;
  const { sample } = await draw(model, { scheduler });
  const golden = new URL(
    "../golden-pipelines/learned-variance.npy",
    import.meta.url,
  );
  const right = await readNpy(fileURLToPath(golden));
  expect(relativeError(sample, right.data)).toBeLessThan(1e-3);
});

test("a scheduler that learned none is handed none", async () => {
  const plain = await Model.load(
    await openFolder(fixtureFolder("tiny-text-ts")),
    device,
  );
  try {
    const batch = { scheduler: "ddim", numImagesPerPrompt: 2 } as const;
    const right = await draw(plain, batch);
    const { sample, sampleShape } = await draw(model, batch);
    expect(sampleShape).toEqual(right.sampleShape);
    expect(relativeError(sample, right.sample)).toBeLessThan(1e-5);
  } finally {
    await plain.dispose();
  }
});
