import { readFileSync } from "node:fs";
import { nodeMacs } from "@phaseskip/graph";
import { afterAll, describe, expect, test, vi } from "vitest";
import { sizeRun } from "../../src/pipeline/run-size.js";
import { parseRequest } from "../../src/pipeline/request.js";
import type { Plan } from "../../src/plan/plan.js";
import { schedulePlan } from "../../src/schedule/schedule.js";
import * as plans from "../../src/plans.js";
import { measureChanges } from "../../src/study/measure-changes.js";
import {
  distance,
  GoldenModels,
  goldenArray,
  goldenFile,
} from "./golden-model.js";

// Made by models/golden_methods.py, where each method is written from its paper on diffusers' modules and knows
// neither plans nor graphs. What is asked for is 1e-3 of the sample's standard deviation; what is found is about 1e-5.
const tolerance = 1e-3;

vi.setConfig({ testTimeout: 60_000 });

interface GoldenMethod {
  readonly model: string;
  readonly method: keyof typeof makers;
  readonly options: object;
  readonly prompt: string | null;
  readonly seed: number;
  readonly numInferenceSteps: number;
  readonly scheduler: "ddim" | null;
  readonly guidanceScale: number | null;
  readonly timesteps?: readonly number[];
  /** Each layer's change from step to step, for Block Caching. */
  readonly changes?: Readonly<Record<string, readonly number[]>>;
  /** By context: the steps that ran whole, for the first-block cache. */
  readonly whole?: Readonly<Record<string, readonly (0 | 1)[]>>;
  readonly sample: readonly [file: string, index: number];
}

type Make = (options: never) => Plan;
const makers = {
  deepCache: plans.deepCache as Make,
  fasterDiffusion: plans.fasterDiffusion as Make,
  tGate: plans.tGate as Make,
  guidanceInterval: plans.guidanceInterval as Make,
  blockCache: plans.blockCache as Make,
  firstBlockCache: plans.firstBlockCache as Make,
  deltaReuse: plans.deltaReuse as Make,
  taylorSeer: plans.taylorSeer as Make,
  spectrum: plans.spectrum as Make,
  freeU: plans.freeU as Make,
};

const read = <T>(name: string) =>
  JSON.parse(readFileSync(goldenFile(`methods/${name}.json`), "utf8")) as T;
const cases = read<GoldenMethod[]>("cases").map(
  (golden) =>
    [
      `${golden.method} on ${golden.model}, ${golden.scheduler ?? "its own sampler"}, ${JSON.stringify(golden.options)}`,
      golden,
    ] as const,
);

const models = new GoldenModels();
afterAll(() => models.dispose());

describe("a plan function's run is what the paper's method gives in PyTorch", () => {
  test.each(cases)("%s", async (_, golden) => {
    const { model, method, options, numInferenceSteps, timesteps } = golden;
    const { unet } = sizeRun(await models.load(model), parseRequest({}));
    const plan = makers[method]({
      units: [...unet.units.units.keys()],
      numInferenceSteps,
      ...(timesteps && { timesteps }),
      ...(golden.changes && { changes: golden.changes }),
      ...options,
    } as never);
    const { prompt, scheduler, guidanceScale } = golden;
    const { sample, report } = await models.run(model, {
      seed: golden.seed,
      numInferenceSteps,
      plan,
      ...(prompt !== null && { prompt }),
      ...(scheduler && { scheduler }),
      ...(guidanceScale !== null && { guidanceScale }),
    });
    const [file, index] = golden.sample;
    const right = await goldenArray(`methods/${file}`, index);
    expect(distance(sample, right)).toBeLessThan(tolerance);
    // of a stochastic sampler it is said that it skips badly
    const others = report.warnings.filter((w) => !/new noise at every/.test(w));
    expect(others).toEqual([]);
    for (const [context, whole] of Object.entries(golden.whole ?? {})) {
      const found = report.steps.map(({ contexts }) =>
        contexts.some((one) => one.context === context && one.computed.length),
      );
      expect(found).toEqual(whole.map((one) => one === 1));
    }
  });
});

const measured = cases.filter(([, { changes }]) => changes);
test.each(measured)(
  "measureChanges() measures what PyTorch does: %s",
  async (
    _,
    { model, prompt, scheduler, guidanceScale, changes, ...golden },
  ) => {
    const found = await measureChanges(await models.load(model), {
      seed: golden.seed,
      numInferenceSteps: golden.numInferenceSteps,
      ...(prompt !== null && { prompt }),
      ...(scheduler && { scheduler }),
      ...(guidanceScale !== null && { guidanceScale }),
    });
    expect(Object.keys(found).sort()).toEqual(Object.keys(changes!).sort());
    for (const [unit, list] of Object.entries(changes!)) {
      expect(found[unit]).toHaveLength(list.length);
      for (const [step, change] of list.entries())
        expect(found[unit]![step], `${unit}, ${step}`).toBeCloseTo(change, 4);
    }
  },
);

test("deepCacheSteps() picks the steps that numpy's complex powers give", () => {
  for (const { steps, ...options } of read<
    (Parameters<typeof plans.deepCacheSteps>[0] & { steps: number[] })[]
  >("deep-cache-steps")) {
    if (steps.length > 0)
      expect(plans.deepCacheSteps(options), JSON.stringify(options)).toEqual(
        steps,
      );
    else
      expect(() => plans.deepCacheSteps(options)).toThrow(
        /Cannot make the DeepCache plan as power must be higher/,
      );
  }
});

const macs = Object.entries(
  read<Record<string, Record<string, number>>>("macs"),
);
test.each(macs)(
  "a step that skips costs what torch counts, within 2 %%: %s",
  async (name, counts) => {
    const { unet } = sizeRun(await models.load(name), parseRequest({}));
    const units = [...unet.units.units.keys()];
    for (const [method, right] of Object.entries(counts)) {
      const branch = Number(method.split(" ")[1]);
      const { signatures, steps } = schedulePlan(unet, {
        plan: Number.isNaN(branch)
          ? plans.fasterDiffusion({ keySteps: [0] })
          : plans.deepCache({ units, interval: 2, branch }),
        timesteps: [900, 800],
        numTrainTimesteps: 1000,
        guidanceScale: 1,
        scheduler: "ddim",
      });
      const { isLive } = signatures[steps[1]!.contexts[0]!.signature]!;
      const found = unet.graph.nodes
        .filter(({ index }) => isLive[index])
        .reduce((sum, node) => sum + nodeMacs(node, unet.shapes), 0);
      expect(found / right, method).toBeGreaterThan(0.98);
      expect(found / right, method).toBeLessThan(1.02);
    }
  },
);

const units = ["down_blocks.0.resnets.0", "up_blocks.0"];
const run = { units, numInferenceSteps: 10 };
test.each<[string, () => unknown]>([
  [
    "TaylorSeer plan as interval must be",
    () => plans.taylorSeer({ ...run, interval: 0 }),
  ],
  [
    "TaylorSeer plan as order must be",
    () => plans.taylorSeer({ ...run, order: 5 }),
  ],
  [
    "TaylorSeer plan as warmup must be",
    () => plans.taylorSeer({ ...run, warmup: 10 }),
  ],
  [
    "TaylorSeer plan as units must hold up_blocks.0",
    () => plans.taylorSeer({ ...run, units: [] }),
  ],
  [
    "Spectrum plan as window must be a number of at least 1",
    () => plans.spectrum({ ...run, window: 0.5 }),
  ],
  [
    "Spectrum plan as growth must be a number of at least 0",
    () => plans.spectrum({ ...run, growth: -1 }),
  ],
  [
    "Spectrum plan as degree must be an integer in [1, 5]",
    () => plans.spectrum({ ...run, degree: 6 }),
  ],
  [
    "Spectrum plan as ridge must be",
    () => plans.spectrum({ ...run, ridge: 0 }),
  ],
  [
    "Spectrum plan as mix must be a number in [0, 1]",
    () => plans.spectrum({ ...run, mix: 1.1 }),
  ],
  [
    "Spectrum plan as values must be an integer in [2, 6]",
    () => plans.spectrum({ ...run, values: 7 }),
  ],
  [
    "Spectrum plan as warmup must be an integer of at least 2",
    () => plans.spectrum({ ...run, warmup: 1 }),
  ],
  ["Spectrum plan as stop must be", () => plans.spectrum({ ...run, stop: 2 })],
  [
    "Spectrum plan as window, growth, warmup and stop must leave a step out before step 9",
    () => plans.spectrum({ ...run, warmup: 9 }),
  ],
  [
    "Δ-DiT plan as boundary must be",
    () => plans.deltaReuse({ units, boundary: 1000 }),
  ],
  ["Δ-DiT plan as units must hold", () => plans.deltaReuse({ units: [] })],
  [
    "first-block cache plan as units must be",
    () => plans.firstBlockCache({ units }),
  ],
  [
    "T-GATE plan as gateStep must be",
    () => plans.tGate({ numInferenceSteps: 10, gateStep: 10 }),
  ],
])("Cannot make the %s …", (wanted, make) => {
  expect(make).toThrow(RangeError);
  expect(make).toThrow(`Cannot make the ${wanted}`);
});
