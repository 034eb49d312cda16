// Unets that diffusers never saw, under its schedulers: golden runs, what says how their inputs are called, and what is
// said where nothing does.

import { readFileSync, readdirSync } from "node:fs";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { generator } from "@phaseskip/scheduler";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { readNpy } from "../../../cli/src/pictures/npy.js";
import { serveFaults } from "../../../../e2e/fault-server.js";
import { openDevice } from "../../src/device/session.js";
import type { UnetInputs } from "../../src/folder/input-names.js";
import { openFolder } from "../../src/folder/model-folder.js";
import { Model } from "../../src/pipeline/model.js";
import type { DenoiseOptions } from "../../src/pipeline/request.js";
import { parseRequest } from "../../src/pipeline/request.js";
import type { RunResult } from "../../src/pipeline/run.js";
import { runPipeline } from "../../src/pipeline/run.js";
import { runCutAt } from "../unet/cut-apart.js";
import { relativeError } from "./pipeline-cases.js";
import { fixtureFile, fixtureFolder } from "../unet/unet-runs.js";
import { finishRun } from "./finish-run.js";

// What is asked for is 1e-3 of the sample's standard deviation, as of every golden run.
const tolerance = 1e-3;
/** What one device calls the same. */
const same = 1e-5;

vi.setConfig({ testTimeout: 60_000 });

const device = await openDevice("wasm", { threads: 1 });
const models: Model[] = [];

async function load(
  location: string | URL,
  inputs?: UnetInputs,
): Promise<Model> {
  const folder = await openFolder(location);
  try {
    const model = await Model.load(
      folder,
      device,
      undefined,
      undefined,
      inputs,
    );
    models.push(model);
    return model;
  } catch (error) {
    await folder.close();
    throw error;
  }
}

async function draw(
  model: Model,
  options: DenoiseOptions = {},
): Promise<RunResult> {
  return finishRun(runPipeline(model, parseRequest(options)));
}

let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "foreign-"));
});
afterAll(async () => {
  for (const model of models) await model.dispose();
  await rm(scratch, { recursive: true });
});

const inside = fixtureFolder("tiny-adm-dynamo");
const bare = join(fixtureFolder("tiny-adm-ts"), "model.onnx");

describe("runPipeline() draws what diffusers' schedulers draw", () => {
  const folder = new URL("../golden-foreign/", import.meta.url);
  const names = readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .map((name) => name.slice(0, -".json".length));

  test.each(names)("%s", async (name) => {
    const { model, options } = JSON.parse(
      readFileSync(new URL(`${name}.json`, folder), "utf8"),
    ) as { model: string; options: DenoiseOptions & { numImages?: number } };
    const { numImages = 1, ...asked } = options;
    const loaded = await load(model === "tiny-adm-ts" ? bare : inside);
    const { sample, sampleShape } = await draw(loaded, {
      ...asked,
      numImagesPerPrompt: numImages,
    });
    const right = await readNpy(fileURLToPath(new URL(`${name}.npy`, folder)));
    expect(sampleShape).toEqual(right.shape);
    expect(relativeError(sample, right.data)).toBeLessThan(tolerance);
  });
});

describe("what a Unet calls its inputs", () => {
  const oneStep = { seed: 3, numInferenceSteps: 1 };

  test("may be said in code, before what the file says", async () => {
    const byFile = await draw(await load(inside), {
      ...oneStep,
      constants: { difficulty: 0.1 },
    });
    const byCode = await draw(
      await load(inside, { constants: { difficulty: 0.1 } }),
      oneStep,
    );
    expect(byCode.sample).toEqual(byFile.sample);
    const plain = await draw(await load(inside), oneStep);
    expect(relativeError(byCode.sample, plain.sample)).toBeGreaterThan(0.01);
  });

  test("may be said in code alone, of a file with nothing beside it", async () => {
    const alone = join(scratch, "alone.onnx");
    await writeFile(alone, fixtureFile("tiny-adm-ts", "model.onnx"));
    const inputs = {
      sample: "x",
      timestep: "c_noise",
      output: "F_x",
      constants: { y: [3] },
    };
    const model = await load(pathToFileURL(alone), inputs);
    expect(model.index.warnings).toEqual([
      "the folder has no scheduler/scheduler_config.json: every call has to name a scheduler",
    ]);
    await expect(draw(model)).rejects.toThrow(
      /^Cannot sample as neither the model nor the call names a scheduler: choose one of ddpm, /,
    );
    const scheduler = {
      name: "edm-euler",
      sigmaMin: 0.02,
      sigmaMax: 20,
    } as const;
    const run = {
      ...{ scheduler, numInferenceSteps: 3 },
      ...{ height: 16, width: 16 },
    };
    const drawn = await draw(model, run);
    const right = await draw(await load(bare), run);
    expect(drawn.sample).toEqual(right.sample);
  });

  test("leaves a class to classLabel where it is one", async () => {
    // the file beside it has the same input as a constant
    const classes = await load(bare, { classLabels: "y" });
    const run = { numInferenceSteps: 3 };
    const drawn = await draw(classes, { ...run, classLabel: 3 });
    const right = await draw(await load(bare), run);
    expect(drawn.sample).toEqual(right.sample);
    await expect(draw(classes, run)).rejects.toThrow(
      /nothing supplies its input class_labels: it needs classLabel/,
    );
  });

  test("is read over HTTP, of a bare file, too", async () => {
    const files = Object.fromEntries(
      [
        ...["model.onnx", "phaseskip-inputs.json"],
        ...["scheduler_config.json", "config.json"],
      ].map((name) => [
        name,
        { body: Buffer.from(fixtureFile("tiny-adm-ts", name)) },
      ]),
    );
    const server = await serveFaults({ files });
    try {
      const run = { seed: 9, numInferenceSteps: 2 };
      const drawn = await draw(await load(`${server.url}model.onnx`), run);
      const right = await draw(await load(bare), run);
      expect(drawn.sample).toEqual(right.sample);
    } finally {
      await server.close();
    }
  });

  test("draws with one step where a consistency model's sampler is the model's own", async () => {
    const { steps, sampleShape } = await draw(await load(inside)).then(
      ({ report, sampleShape: shape }) => ({
        steps: report.steps.length,
        sampleShape: shape,
      }),
    );
    expect(steps).toBe(1);
    expect(sampleShape).toEqual([1, 1, 16, 16]);
  });
});

describe("where nothing says what inputs hold", () => {
  /** A copy of the fixture with another file of names, or none. */
  const copy = async (name: string, names?: unknown) => {
    const folder = join(scratch, name);
    await cp(inside, folder, { recursive: true });
    const file = join(folder, "unet", "phaseskip-inputs.json");
    if (names === undefined) await rm(file);
    else await writeFile(file, JSON.stringify(names));
    return folder;
  };

  test("one sentence tells how to say it", async () => {
    const folder = await copy("silent");
    await expect(load(folder)).rejects.toThrow(
      expect.objectContaining({
        code: "model-unsupported",
        message: `Cannot load the model at ${folder} as its Unet must say which of its inputs is the sample and which the timestep: it has noisy, sigma, difficulty; say it as inputs: { sample: "noisy", timestep: "sigma", constants: { difficulty: 0 } } when loading, as --input sample=noisy --input timestep=sigma --constant difficulty=0 on the command line, or in a file phaseskip-inputs.json beside the Unet, with the numbers that the model was trained for in place of the zeros`,
      }),
    );
    await expect(
      load(folder, { sample: "noisy", timestep: "sigma" }),
    ).rejects.toThrow(
      `Cannot load the model at ${folder} as nothing says what its Unet's input difficulty holds; say it as inputs: { sample: "noisy", timestep: "sigma", constants: { difficulty: 0 } } when loading, as --input sample=noisy --input timestep=sigma --constant difficulty=0 on the command line, or in a file`,
    );
  });

  test.each([
    [{ sample: "noise" }, RangeError, 'inputs.sample must name an input of the Unet, which has noisy, sigma, difficulty: current value is "noise"'],
    [{ output: "x" }, RangeError, 'inputs.output must name an output of the Unet, which has denoised: current value is "x"'],
    [{ constants: { hardness: 1 } }, RangeError, 'inputs.constants must name an input of the Unet, which has noisy, sigma, difficulty: current value is "hardness"'],
    [{ timestep: "noisy", sample: "noisy" }, RangeError, 'must name another input than inputs.sample: current value is "noisy"'],
    [{ constants: { difficulty: "hard" } }, TypeError, 'inputs.constants.difficulty must be a number or a list of numbers: current value is "hard"'],
    [{ preconditioning: "none" }, TypeError, 'inputs.preconditioning must be "inside" or "outside": current value is "none"'],
    [{ smaple: "noisy" }, TypeError, 'inputs must have no other fields than sample, timestep, encoderHiddenStates, classLabels, output, constants, preconditioning: current value is "smaple"'],
  ])("refuses %j of a caller", async (inputs, Kind, message) => {
    const failure = await load(inside, inputs as UnetInputs).catch(
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(Kind);
    expect((failure as Error).message).toContain(message);
  }); // prettier-ignore

  test.each([
    [[], "inputs must be an object of names; current value is []"],
    [{ sample: 3 }, "inputs.sample must be the name in the graph; current value is 3"],
    [{ timestep: "t" }, 'inputs.timestep must name an input of the Unet, which has noisy, sigma, difficulty; current value is "t"'],
  ])("refuses a file of %j", async (names, message) => {
    const folder = await copy(`wrong-${message.length}`, names);
    await expect(load(folder)).rejects.toThrow(
      expect.objectContaining({
        code: "model-invalid",
        message: `Cannot load the model at ${folder} as its unet/phaseskip-inputs.json is wrong: ${message}`,
      }),
    );
  }); // prettier-ignore

  test.each([
    [{ y: 1.5 }, "constants.y must be one number for all, or 1 whole numbers: current value is 1.5"],
    [{ y: [1, 2] }, "constants.y must be one number for all, or 1 whole numbers: current value is a list of 2"],
    [{ z: 1 }, "constants must be of inputs that the model was loaded with: current name is z; this model has y"],
  ])("refuses a call's constants %j", async (constants, message) => {
    await expect(draw(await load(bare), { constants, numInferenceSteps: 2 })).rejects.toThrow(message);
  }); // prettier-ignore

  test("a sampler that is none of EDM's refuses a graph that holds the preconditioning", async () => {
    await expect(
      draw(await load(inside), { scheduler: "ddim" }),
    ).rejects.toThrow(/choose consistency, edm-euler, edm-dpmpp-2m$/);
  });

  test("a folder may be named as a file only where it is one", async () => {
    await mkdir(join(scratch, "odd.onnx"));
    await expect(load(join(scratch, "odd.onnx"))).rejects.toThrow(
      /has no odd\.onnx/,
    );
  });
});

describe("cut at every unit", () => {
  test.each([
    ["inside", inside, { difficulty: [0.3, 0.8] }],
    ["outside", bare, { y: [1, 4] }],
  ])("a Unet with its preconditioning %s computes the same", async (_, location, constants) => {
    const { unet: executor } = await load(location);
    const unet = executor.unet({ batch: 2, height: 16, width: 16, channels: 1 });
    const units = [...unet.units.units.keys()];
    const fed = {
      sample: generator(1).randn(2 * 16 * 16),
      timestep: 0.7,
      others: Object.fromEntries(
        Object.entries(constants).map(([name, list]) => [name, Float32Array.from(list)]),
      ),
    };
    const whole = await runCutAt(executor, unet, [], fed);
    const apart = await runCutAt(executor, unet, units, fed);
    expect(apart.segments).toBeGreaterThan(100);
    expect(relativeError(apart.output, whole.output)).toBeLessThan(same);
    for (const unit of units.filter((path) => /^[a-z_]+(\.\d+)?$|\.skip$/.test(path))) {
      const { output } = await runCutAt(executor, unet, [unit], fed);
      expect(relativeError(output, whole.output), unit).toBeLessThan(same);
    }
  }); // prettier-ignore
});
