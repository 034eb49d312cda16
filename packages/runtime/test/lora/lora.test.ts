// LoRAs merged into models, against diffusers' `load_lora_weights` and `fuse_lora`.

import { readFileSync, readdirSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test, vi } from "vitest";
import { readNpy } from "../../../cli/src/pictures/npy.js";
import type { Device } from "../../src/device/session.js";
import { openDevice } from "../../src/device/session.js";
import { openFolder } from "../../src/folder/model-folder.js";
import { Model } from "../../src/pipeline/model.js";
import type { GenerateOptions } from "../../src/pipeline/request.js";
import { parseRequest } from "../../src/pipeline/request.js";
import type { RunResult } from "../../src/pipeline/run.js";
import { runPipeline } from "../../src/pipeline/run.js";
import { relativeError } from "../pipeline/pipeline-cases.js";
import { fixtureFolder } from "../unet/unet-runs.js";
import { finishRun } from "../pipeline/finish-run.js";

vi.setConfig({ testTimeout: 120_000 });

// What is asked for is 1e-3 of the sample's standard deviation, as of every golden run.
const tolerance = 1e-3;

interface GoldenLora {
  readonly model: string;
  readonly options: GenerateOptions;
  readonly loras: readonly { readonly file: string; readonly scale: number }[];
  readonly sample: string;
}

// Made by models/golden_lora.py.
const folder = new URL("../golden-lora/", import.meta.url);
const path = (name: string) => fileURLToPath(new URL(name, folder));
const goldens = readdirSync(folder)
  .filter((name) => name.endsWith(".json"))
  .map((name) => ({
    name,
    ...(JSON.parse(readFileSync(path(name), "utf8")) as GoldenLora),
  }));

let created = 0;
const opened = await openDevice("wasm", { threads: 1 });
const device: Device = {
  ...opened,
  createSession: (...given) => {
    created++;
    return opened.createSession(...given);
  },
};
const models = new Map<string, Promise<Model>>();

function load(name: string): Promise<Model> {
  const open = async () =>
    Model.load(await openFolder(fixtureFolder(name)), device);
  const known = models.get(name) ?? open();
  models.set(name, known);
  return known;
}

const scratch = await mkdtemp(join(tmpdir(), "phaseskip-lora-"));

afterAll(async () => {
  await rm(scratch, { recursive: true });
  for (const model of models.values()) await (await model).dispose();
});

async function draw(
  name: string,
  options: GenerateOptions,
): Promise<RunResult> {
  return finishRun(runPipeline(await load(name), parseRequest(options)));
}

describe("runPipeline() merges LoRAs as diffusers does", () => {
  test.each(goldens)("$name", async ({ model, options, loras, sample }) => {
    const made = await draw(model, {
      ...options,
      loras: loras.map(({ file, scale }) => ({ url: path(file), scale })),
    });
    const right = (await readNpy(path(sample))).data;
    expect(relativeError(made.sample, right)).toBeLessThan(tolerance);
  });
});

/** Writes a safetensors file of zeros. */
async function writeZeros(
  name: string,
  shapes: Readonly<Record<string, readonly number[]>>,
): Promise<string> {
  const table: Record<string, unknown> = {};
  let end = 0;
  for (const [key, shape] of Object.entries(shapes)) {
    const start = end;
    end += 4 * shape.reduce((a, b) => a * b, 1);
    table[key] = { dtype: "F32", shape, data_offsets: [start, end] };
  }
  const json = new TextEncoder().encode(JSON.stringify(table));
  const bytes = new Uint8Array(8 + json.length + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  await writeFile(join(scratch, name), bytes);
  return join(scratch, name);
}

const few = { prompt: "a red boat", numInferenceSteps: 2, guidanceScale: 3 };
const query = "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q";

describe("runPipeline() between calls with LoRAs", () => {
  const lora = { url: path("kohya.safetensors") };

  test("makes no session anew where nothing changed, and is itself again without", async () => {
    const plain = await draw("tiny-sd-ts", few);
    const merged = await draw("tiny-sd-ts", { ...few, loras: [lora] });
    expect(relativeError(merged.sample, plain.sample)).toBeGreaterThan(0.1);
    const before = created;
    const again = await draw("tiny-sd-ts", { ...few, loras: [lora] });
    expect(created).toBe(before);
    expect(again.sample).toEqual(merged.sample);
    expect((await draw("tiny-sd-ts", few)).sample).toEqual(plain.sample);
  });

  test("makes the sessions anew whose weights changed, and no others", async () => {
    const key = "text_encoder.encoder.layers.0.self_attn.q_proj";
    const text = await writeZeros("text.safetensors", {
      [`${key}.lora_A.weight`]: [2, 8],
      [`${key}.lora_B.weight`]: [8, 2],
    });
    await draw("tiny-sd-ts", few);
    const before = created;
    await draw("tiny-sd-ts", { ...few, loras: [{ url: text }] });
    expect(created).toBe(before + 1);
  });

  test("counts by its scale, 1 where none is said", async () => {
    const at = async (scale?: number) =>
      (
        await draw("tiny-sd-ts", {
          ...few,
          loras: [scale === undefined ? lora : { ...lora, scale }],
        })
      ).sample;
    const one = await at();
    expect(await at(1)).toEqual(one);
    expect(relativeError(await at(0.5), one)).toBeGreaterThan(0.01);
    const plain = await draw("tiny-sd-ts", few);
    expect(relativeError(await at(0), plain.sample)).toBeLessThan(1e-5);
  });
});

describe("runPipeline() refuses a LoRA", () => {
  const down = `unet.${query}.lora_A.weight`;
  const up = `unet.${query}.lora_B.weight`;
  const good = { [down]: [2, 8], [up]: [8, 2] };
  test.each<[string, Record<string, readonly number[]>, string]>([
    [
      "of DoRA",
      { ...good, [`unet.${query}.lora_magnitude_vector`]: [8] },
      "is of DoRA, which is not supported",
    ],
    [
      "of LoKr",
      { "lora_unet_mid_block_attentions_0_proj_in.lokr_w1": [2, 2] },
      "is of LoKr",
    ],
    [
      "of LoHa",
      { "lora_unet_mid_block_attentions_0_proj_in.hada_w1_a": [2, 2] },
      "is of LoHa",
    ],
    [
      "of unknown names",
      { "model.diffusion_model.weight": [2] },
      "its tensor model.diffusion_model.weight has no name that is known",
    ],
    ["without its other half", { [down]: [2, 8] }, "it has no up"],
    [
      "of another width",
      { [down]: [2, 9], [up]: [8, 2] },
      "must be of 8 × 8 for a float weight: it is of 8 × 9",
    ],
    [
      "of a layer that is not there",
      {
        "unet.down_blocks.7.x.lora_A.weight": [1, 8],
        "unet.down_blocks.7.x.lora_B.weight": [8, 1],
      },
      "unet has no weight for its layers down_blocks_7_x",
    ],
    [
      "of a network that is not there",
      {
        "text_encoder_2.encoder.layers.0.mlp.fc1.lora_A.weight": [1, 8],
        "text_encoder_2.encoder.layers.0.mlp.fc1.lora_B.weight": [16, 1],
      },
      "it changes text_encoder_2, which this model does not have",
    ],
  ])("%s", async (name, shapes, message) => {
    const url = await writeZeros(
      `${name.replaceAll(" ", "-")}.safetensors`,
      shapes,
    );
    const run = draw("tiny-sd-ts", { ...few, loras: [{ url }] });
    await expect(run).rejects.toThrow(message);
  });

  test("that is not there, or no safetensors file", async () => {
    const run = (url: string) =>
      draw("tiny-sd-ts", { ...few, loras: [{ url }] });
    await expect(run(join(scratch, "none.safetensors"))).rejects.toThrow(
      "there is no such file",
    );
    await writeFile(join(scratch, "text.txt"), "no tensors here, only words");
    await expect(run(join(scratch, "text.txt"))).rejects.toThrow(
      "must be a safetensors file",
    );
  });

  test("without an address", () => {
    const loras = [{ scale: 1 }] as unknown as GenerateOptions["loras"] &
      object;
    expect(() => parseRequest({ ...few, loras })).toThrow(
      "loras must be a list, each with url",
    );
  });
});
