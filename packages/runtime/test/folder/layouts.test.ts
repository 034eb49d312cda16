import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serveFaults } from "../../../../e2e/fault-server.js";
import { layouts, writeLayout } from "../../../../models/layouts.mjs";
import { openDevice, type Device } from "../../src/device/session.js";
import type { ModelFolder } from "../../src/folder/folder.js";
import { openFolder } from "../../src/folder/model-folder.js";
import { Model } from "../../src/pipeline/model.js";
import { parseRequest } from "../../src/pipeline/request.js";
import { runPipeline } from "../../src/pipeline/run.js";
import {
  distance,
  goldenArray,
  goldenFile,
  GoldenModels,
} from "../unet/golden-model.js";
import { finishRun } from "../pipeline/finish-run.js";

const names = Object.keys(layouts);
const read = names.filter((name) => layouts[name]!.as !== undefined);

let device: Device;
let root: string;
const plain = new GoldenModels();
beforeAll(async () => {
  device = await openDevice("wasm", { threads: 1 });
  root = mkdtempSync(join(tmpdir(), "phaseskip-layouts-"));
  for (const name of names) writeLayout(name, join(root, name));
});
afterAll(async () => {
  await plain.dispose();
  rmSync(root, { recursive: true });
});

const prompt = "a red boat on the sea at night";

/** Draws with a layout as it stands. */
async function draw(folder: ModelFolder, options: object, dtype?: string) {
  let model: Model | undefined;
  try {
    model = await Model.load(folder, device, undefined, dtype);
    return await finishRun(
      runPipeline(model, parseRequest({ prompt, ...options })),
    );
  } finally {
    await (model?.dispose() ?? folder.close());
  }
}

describe("a folder as another tool lays it out draws what PyTorch draws", () => {
  test.each(read)("%s", async (name) => {
    const { as, options } = layouts[name]!;
    const golden = JSON.parse(
      readFileSync(goldenFile(`${as}.full.json`), "utf8"),
    ) as {
      prompt: string;
      numInferenceSteps: number;
      guidanceScale: number | null;
      initNoise: string;
      sample: string;
    };
    const { sample } = await draw(await openFolder(join(root, name)), {
      prompt: golden.prompt,
      numInferenceSteps: golden.numInferenceSteps,
      ...(golden.guidanceScale !== null && {
        guidanceScale: golden.guidanceScale,
      }),
      initNoise: await goldenArray(golden.initNoise),
      ...options,
    });
    const right = await goldenArray(golden.sample);
    expect(distance(sample, right)).toBeLessThan(1e-3);
  });
});

test.each(["transformers-js", "odd-names", "diffusers-onnx-pipeline"])(
  "%s draws the same over HTTP, where nothing lists its files",
  async (name) => {
    const { as, options, files } = layouts[name]!;
    const bodies = Object.entries(files()).map(
      ([path, body]) => [path, { body, etag: '"1"' }] as const,
    );
    const server = await serveFaults({ files: Object.fromEntries(bodies) });
    const few = { numInferenceSteps: 2, seed: 3, ...options };
    const folder = await openFolder(server.url, { cache: false });
    const { sample } = await draw(folder, few);
    await server.close();
    const same = await plain.run(as!, { prompt, ...few });
    expect(sample).toEqual(same.sample);
  },
);

test.each(names.filter((name) => layouts[name]!.refused))(
  "%s is refused at load, in one line that names what it was made for",
  async (name) => {
    const loaded = draw(await openFolder(join(root, name)), {});
    await expect(loaded).rejects.toMatchObject({ code: "model-unsupported" });
    await expect(loaded).rejects.toThrow(layouts[name]!.refused!);
  },
);

test("noise says the size where neither the call nor the folder does", async () => {
  const folder = await openFolder(join(root, "diffusers-onnx-pipeline"));
  const shape = [1, 4, 8, 12];
  const { sampleShape } = await draw(folder, {
    numInferenceSteps: 1,
    initNoise: new Float32Array(4 * 8 * 12).fill(0.5),
    initNoiseShape: shape,
  });
  expect(sampleShape).toEqual(shape);
  expect(() => parseRequest({ initNoiseShape: [8, 12] })).toThrow(TypeError);
});

describe("dtype", () => {
  const few = { numInferenceSteps: 2, seed: 3, height: 32, width: 32 };
  const several = () => openFolder(join(root, "several-dtypes"));

  test("picks the file whose name says it", async () => {
    const half = await draw(await several(), few, "fp16");
    const full = await draw(await several(), few, "fp32");
    const { sample } = await plain.run("tiny-sd-ts", { prompt, ...few });
    expect(full.sample).toEqual(sample);
    expect(distance(half.sample, sample)).toBeGreaterThan(0.01);
  });

  test("is what the device does best with where nothing is said", async () => {
    const { sample } = await draw(await several(), few);
    const full = await plain.run("tiny-sd-ts", { prompt, ...few });
    expect(sample).toEqual(full.sample);
    const half = { ...device, hasHalf: true };
    const model = await Model.load(await several(), half);
    expect(model.index.unetPath).toBe("unet/model_fp16.onnx");
    await model.dispose();
  });

  test("of a plain name is that of its weights", async () => {
    const folder = () => openFolder(join(root, "web-demo"));
    const { sample } = await draw(await folder(), few, "fp16");
    expect(sample).toEqual((await draw(await folder(), few)).sample);
  });

  test("that the folder lacks is refused, with what it has", async () => {
    await expect(draw(await several(), few, "q4f16")).rejects.toMatchObject({
      code: "model-invalid",
      message: expect.stringMatching(
        /dtype q4f16 .*unet\/model\.onnx \(fp32\), unet\/model_fp16\.onnx \(fp16\)/,
      ) as string,
    });
  });

  test("that is none is a TypeError", async () => {
    await expect(draw(await several(), few, "fp8")).rejects.toThrow(
      /TypeError|dtype must be one of fp32, fp16.*current value is "fp8"/,
    );
  });
});

test("docs/exports.md has a row for each, and says what becomes of it", () => {
  const page = readFileSync(
    new URL("../../../../docs/exports.md", import.meta.url),
    "utf8",
  );
  const rows = new Map(
    [...page.matchAll(/^\| `([^`]+)`[^|]*\|[^|]*\|([^|]*)\|/gm)].map(
      ([, name, said]) => [name, said!.trim()] as const,
    ),
  );
  expect(names.filter((name) => !rows.has(name))).toEqual([]);
  for (const name of names)
    expect([name, rows.get(name)!.startsWith("yes")]).toEqual([
      name,
      layouts[name]!.as !== undefined,
    ]);
});
