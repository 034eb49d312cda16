import { readFileSync } from "node:fs";
import { afterAll, describe, expect, test, vi } from "vitest";
import type { Plan } from "../../src/plan/plan.js";
import {
  distance,
  GoldenModels,
  goldenArray,
  goldenFile,
} from "./golden-model.js";

// Made by models/golden_actions.py and golden_forecasts.py, which read plans a second time and wraps diffusers' modules.
const tolerance = 1e-3;

vi.setConfig({ testTimeout: 60_000 });

interface GoldenAction {
  readonly model: string;
  readonly prompt: string | null;
  readonly seed: number;
  readonly numInferenceSteps: number;
  readonly scheduler: "ddim" | null;
  readonly guidanceScale: number | null;
  readonly plan: Plan;
  /** By unit and context: at which steps an adaptive unit was computed. */
  readonly decisions?: Readonly<Record<string, readonly (0 | 1)[]>>;
  readonly sample: readonly [file: string, index: number];
}

const cases = ["actions", "forecasts"].flatMap((folder) => {
  const text = readFileSync(goldenFile(`${folder}/cases.json`), "utf8");
  return (JSON.parse(text) as GoldenAction[]).map(({ sample, ...golden }) => {
    const found = [`${folder}/${sample[0]}`, sample[1]] as const;
    const name = `${golden.plan.name} on ${golden.model}`;
    return [name, { ...golden, sample: found }] as const;
  });
});

const models = new GoldenModels();
afterAll(() => models.dispose());

describe("runPipeline() does with single actions what hooks do in PyTorch", () => {
  test.each(cases)("%s", async (_, golden) => {
    const { prompt, scheduler, guidanceScale, decisions = {} } = golden;
    const { sample, report } = await models.run(golden.model, {
      seed: golden.seed,
      numInferenceSteps: golden.numInferenceSteps,
      plan: golden.plan,
      ...(prompt !== null && { prompt }),
      ...(scheduler && { scheduler }),
      ...(guidanceScale !== null && { guidanceScale }),
    });
    for (const [key, computed] of Object.entries(decisions)) {
      const [unit = "", context] = key.split(" ");
      const found = report.steps.map(({ contexts }) =>
        contexts.some(
          (one) => one.context === context && one.computed.includes(unit),
        ),
      );
      expect(found, key).toEqual(computed.map((one) => one === 1));
    }
    const [file, index] = golden.sample;
    const right = await goldenArray(file, index);
    expect(distance(sample, right)).toBeLessThan(tolerance);
  });
});
