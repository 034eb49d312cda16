// ControlNets: what plans and calls make of them. Whole runs against diffusers' are in pipelines.test.ts.

import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { analyseUnet, bytesSource, loadGraph } from "@phaseskip/graph";
import {
  readModelProto,
  readNodeProto,
  readValueInfoProto,
  writeModelProto,
} from "../../../graph/src/onnx/onnx_pb.js";
import { clone, create, decode, encode } from "../../../graph/src/onnx/wire.js";
import { unetInputs } from "../../src/inputs/unet-inputs.js";
import type { Plan, Rule } from "../../src/plan/plan.js";
import { describeModel } from "../../src/pipeline/describe-model.js";
import type { GenerateOptions } from "../../src/pipeline/request.js";
import { parseRequest } from "../../src/pipeline/request.js";
import { fixtureFolder } from "../unet/unet-runs.js";
import { draw, levels, load } from "./draws.js";
import { fewSteps, relativeError } from "./pipeline-cases.js";

vi.setConfig({ testTimeout: 120_000 });

const model = "tiny-control-ts";
const options = { ...fewSteps, scheduler: "ddim" } as const;
const image = levels(1);
const planOf = (...rules: Rule[]): Plan => ({
  format: "phaseskip-plan",
  version: 1,
  phases: [{ name: "late", from: 500, to: 0 }],
  rules,
});
const zeroedIn = (run: Awaited<ReturnType<typeof draw>>) =>
  run.report.steps.map(({ contexts }) =>
    contexts.map(({ zeroed }) => zeroed.includes("controlnet_0")),
  );

describe("a ControlNet in a run", () => {
  test("counts only in its part of the steps, and costs nothing in the others", async () => {
    const control = { image, start: 0.4, end: 0.8 };
    const part = await draw(model, { ...options, control });
    expect(zeroedIn(part).map(([cond]) => cond)).toEqual([
      ...[true, true, false, false, true],
    ]);
    const macs = part.report.steps.map(({ contexts }) => contexts[0]!.macs);
    expect(macs[1]).toBeLessThan(macs[3]!);
    const whole = await draw(model, { ...options, control: { image } });
    expect(relativeError(part.sample, whole.sample)).toBeGreaterThan(0.01);
    expect(part.report.fullMacs).toBe(whole.report.fullMacs);
  });

  test("is no part of what a run without a control costs", async () => {
    const none = await draw(model, options);
    const one = await draw(model, { ...options, control: { image } });
    const two = [{ image }, { image: levels(2) }];
    const both = await draw(model, { ...options, control: two });
    const extra = one.report.fullMacs - none.report.fullMacs;
    expect(extra).toBeGreaterThan(0);
    expect(both.report.fullMacs - one.report.fullMacs).toBe(extra);
    const zero = { image, scale: 0 };
    const still = await draw(model, { ...options, control: zero });
    expect(relativeError(still.sample, none.sample)).toBeLessThan(1e-5);
    expect(relativeError(one.sample, none.sample)).toBeGreaterThan(0.01);
  });

  test("runs without the negative prompt in guess mode", async () => {
    const guess = { control: { image }, guessMode: true };
    const run = await draw(model, { ...options, ...guess });
    for (const [cond, uncond] of zeroedIn(run))
      expect([cond, uncond]).toEqual([false, true]);
  });

  test("draws each image of a batch as a run of its own does", async () => {
    const control = { image, scale: 0.6 };
    const prompt = ["a red boat", "a cat"];
    const { sample } = await draw(model, { ...options, control, prompt });
    const own = await draw(model, {
      ...{ ...options, control, prompt: "a cat", seed: options.seed + 1 },
    });
    const second = sample.subarray(sample.length / 2);
    expect(relativeError(second, own.sample)).toBeLessThan(1e-5);
  });
});

describe("a plan on a ControlNet", () => {
  const control = { image };
  const every = (unit: string, steps: number): Rule => ({
    ...{ units: [unit], action: "reuse", refresh: { every: steps } },
  });

  test("saves what it says before it runs", async () => {
    const plan = planOf(every("controlnet_0", 2), {
      units: ["controlnet_0"],
      phases: ["late"],
      action: "zero",
    });
    const asked: GenerateOptions = { ...options, control, plan };
    const { report } = await draw(model, asked);
    const told = await describeModel(
      await load(model),
      parseRequest(asked),
      false,
    );
    expect(told.macs).toBe(report.macs);
    const full = await draw(model, { ...options, control });
    expect(report.macs).toBeLessThan(full.report.macs);
    expect(told.units).toContain("controlnet_0.down_blocks.1.attentions.0");
    const reused = report.steps.map(
      ({ contexts }) => contexts[0]!.reused["controlnet_0"],
    );
    expect(reused.some((age) => age === 1)).toBe(true);
  });

  test("keeps what is inside of it as it keeps the whole", async () => {
    const drawn = async (...units: string[]) => {
      const plan = planOf(...units.map((unit) => every(unit, 2)));
      return draw(model, { ...options, control, plan });
    };
    const whole = await drawn("controlnet_0");
    const parts = await drawn(
      "controlnet_0.controlnet_down_blocks.*",
      "controlnet_0.controlnet_mid_block",
    );
    expect(relativeError(parts.sample, whole.sample)).toBeLessThan(1e-5);
    const reused = parts.report.steps[1]!.contexts[0]!.reused;
    expect(reused["controlnet_0.controlnet_mid_block"]).toBe(1);
  });
});

test("a Unet that was exported with inputs for residuals gets them there", async () => {
  const root = await mkdtemp(join(tmpdir(), "phaseskip-"));
  try {
    await cp(fixtureFolder(model), root, { recursive: true });
    const path = join(root, "unet/model.onnx");
    await writeFile(path, await withResidualInputs(await readFile(path)));
    const control = [{ image }, { image: levels(3), scale: 0.4 }];
    const here = await draw(root, { ...options, control });
    const there = await draw(model, { ...options, control });
    expect(relativeError(here.sample, there.sample)).toBeLessThan(1e-5);
    const none = await draw(root, options);
    const plain = await draw(model, options);
    expect(relativeError(none.sample, plain.sample)).toBeLessThan(1e-5);
    for (const name of ["controlnet_0", "controlnet_1"])
      await rm(join(root, name), { recursive: true });
    const alone = await mkdtemp(join(tmpdir(), "phaseskip-"));
    await cp(root, alone, { recursive: true });
    const without = await draw(alone, options);
    expect(relativeError(without.sample, plain.sample)).toBeLessThan(1e-5);
    await rm(alone, { recursive: true });
  } finally {
    await rm(root, { recursive: true });
  }
});

/** The file of a Unet with an addition at every skip and behind the middle. */
async function withResidualInputs(file: Uint8Array): Promise<Uint8Array> {
  const bytes = new Uint8Array(file);
  const graph = await loadGraph(bytesSource(bytes));
  const size = { batch: 1, channels: 4, height: 8, width: 8 };
  const unet = analyseUnet(graph, { ...size, textWidth: 8 }, unetInputs);
  const skips = [...unet.units.units.values()].flatMap(
    ({ skip }) => skip ?? [],
  );
  const [{ reader, slot }] = skips as [(typeof skips)[number]];
  const middle = { reader, slot: 1 - slot, value: reader.inputs[1 - slot]! };
  const places = [...skips.toReversed(), middle];
  const proto = decode(readModelProto, bytes);
  const own = proto.graph!;
  places.forEach((place, i) => {
    const isMiddle = i === places.length - 1;
    const name = `${isMiddle ? "mid_block" : `down_block_${i}`}_additional_residual`;
    const { type } = own.input.find((input) => input.name === "sample")!;
    own.input.push(create(readValueInfoProto, { name, type: clone(type!) }));
    const { dim } = own.input.at(-1)!.type!.tensor_type!.shape!;
    for (const one of dim.slice(1))
      Object.assign(one, { dim_value: -1, dim_param: `free_${i}` });
    const output = `sum_${i}`;
    const at = own.node.findIndex((node) =>
      node.output.includes(place.reader.outputs[0]!),
    );
    own.node[at]!.input[place.slot] = output;
    own.node.splice(
      at,
      0,
      create(readNodeProto, {
        ...{ op_type: "Add", input: [place.value, name], output: [output] },
      }),
    );
  });
  return encode(writeModelProto, proto);
}

describe("control is refused", () => {
  test.each<[string, string, GenerateOptions, string]>([
    [
      "where the model has no ControlNet",
      "tiny-sd-image-ts",
      { control: { image } },
      "control must have at most one entry for each of the model's ControlNets, which are folders such as controlnet/: it has 1, the model none",
    ],
    [
      "in another size than is drawn",
      model,
      { control: { image: levels(4, 32) } },
      "must have the size that is drawn, 16 × 16 pixels: current size is 32 × 32",
    ],
    [
      "that ends before it starts",
      model,
      { control: { image, start: 0.5, end: 0.5 } },
      "control.start must lie before its end, 0.5: current value is 0.5",
    ],
    [
      "with an option that is none",
      model,
      { control: [{ image, weight: 1 } as never] },
      "control[0].weight is no option; known are image, scale, start, end",
    ],
    [
      "in guess mode without a picture",
      model,
      { guessMode: true },
      "guessMode goes beside control: control is missing",
    ],
  ])("%s", async (_, name, more, message) => {
    await expect(draw(name, { ...options, ...more })).rejects.toThrow(message);
  });
});
