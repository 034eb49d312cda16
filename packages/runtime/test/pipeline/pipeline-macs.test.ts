// What a report counts beside the Unet, against torch's flop counter.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { openFolder } from "../../src/folder/model-folder.js";
import { describeModel } from "../../src/pipeline/describe-model.js";
import { Model } from "../../src/pipeline/model.js";
import type { DenoiseOptions } from "../../src/pipeline/request.js";
import { parseRequest } from "../../src/pipeline/request.js";
import { runPipeline } from "../../src/pipeline/run.js";
import { openDevice } from "../../src/device/session.js";
import { fixtureFolder } from "../unet/unet-runs.js";
import { finishRun } from "./finish-run.js";

type Counts = Readonly<Record<string, number>>;
const golden = JSON.parse(
  readFileSync(new URL("../golden/network-macs.json", import.meta.url), "utf8"),
) as Readonly<Record<string, Counts>>;

/** How far counts may be from torch's, as a part of them. */
const tolerance = 0.02;

async function counted(name: string, options: DenoiseOptions) {
  const device = await openDevice("wasm", { threads: 1 });
  const model = await Model.load(await openFolder(fixtureFolder(name)), device);
  const request = parseRequest({ numInferenceSteps: 2, ...options });
  const { pipelineMacs: told } = await describeModel(model, request, false);
  const { report } = await finishRun(runPipeline(model, request));
  await model.dispose();
  return { report, told, ...report.pipelineMacs };
}

const near = (found: number, wanted: number) =>
  expect(Math.abs(found / wanted - 1), `${found} for ${wanted}`).toBeLessThan(
    tolerance,
  );

describe("a report's pipelineMacs", () => {
  test.each(Object.entries(golden))(
    "of %s are torch's, each text and each picture once",
    async (name, torch) => {
      const { told, report, ...found } = await counted(name, {
        prompt: ["a red boat", "a red boat", "a dog"],
      });
      const perText = torch["text_encoder"]! + (torch["text_encoder_2"] ?? 0);
      // the empty negative prompt is a text, unless zeros stand in for it
      near(found.textEncoder, perText * (name === "tiny-sdxl-ts" ? 2 : 3));
      if (torch["vae_decoder"])
        near(found.vaeDecoder, 3 * torch["vae_decoder"]);
      else expect(found.vaeDecoder).toBe(0);
      expect(found.vaeEncoder).toBe(0);
      expect(report.warnings).toEqual([]);
      expect(report.pipelineMacs).toEqual(told);
      const others = found.textEncoder + found.vaeDecoder;
      expect(found.total).toBe(report.macs + others);
      expect(found.full).toBe(report.fullMacs + others);
    },
  );

  test("hold the encoder of an image to start from, and the decoder's previews", async () => {
    const image = {
      data: new Uint8ClampedArray(4 * 16 * 16).fill(128),
      width: 16,
      height: 16,
    };
    const prompt = "a red boat";
    const options = { prompt, image, strength: 1, guidanceScale: 1 };
    const torch = golden["tiny-sd-image-ts"]!;
    const plain = await counted("tiny-sd-image-ts", options);
    near(plain.vaeEncoder, torch["vae_encoder"]!);
    near(plain.textEncoder, torch["text_encoder"]!);
    near(plain.vaeDecoder, torch["vae_decoder"]!);
    const shown = await counted("tiny-sd-image-ts", { ...options, preview: 1 });
    const pictures = 1 + shown.report.steps.length;
    near(shown.vaeDecoder, pictures * torch["vae_decoder"]!);
  });

  test("are the Unet's where there is nothing else", async () => {
    const { report, total, full } = await counted("tiny-ddpm-ts", {});
    expect([total, full]).toEqual([report.macs, report.fullMacs]);
  });
});
