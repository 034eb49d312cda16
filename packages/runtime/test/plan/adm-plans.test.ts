// Published methods on a Unet with ADM's names.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openDevice } from "../../src/device/session.js";
import { openFolder } from "../../src/folder/model-folder.js";
import { Model } from "../../src/pipeline/model.js";
import { planRun } from "../../src/pipeline/plan-run.js";
import { parseRequest } from "../../src/pipeline/request.js";
import type { Plan } from "../../src/plan/plan.js";
import { deepCache } from "../../src/plans/deep-cache.js";
import { fasterDiffusion } from "../../src/plans/faster-diffusion.js";
import { firstBlockCache } from "../../src/plans/first-block-cache.js";
import { taylorSeer } from "../../src/plans/taylor-seer.js";
import { fixtureFolder } from "../unet/unet-runs.js";

let model: Model;
let units: string[];
beforeAll(async () => {
  const device = await openDevice("wasm", { threads: 1 });
  const location = `${fixtureFolder("tiny-adm-ts")}/model.onnx`;
  model = await Model.load(await openFolder(location), device);
  const size = { batch: 1, channels: 1, height: 16, width: 16 };
  units = [...model.analyse(size).units.units.keys()];
});
afterAll(() => model.dispose());

/** Units that a plan reuses at a step of eight. */
async function reused(plan: Plan, stepIndex: number): Promise<string[]> {
  const request = parseRequest({ plan, numInferenceSteps: 8 });
  const { schedule } = await planRun(model, request);
  return [...schedule.steps[stepIndex]!.contexts[0]!.reused.keys()];
}

describe("with ADM's names", () => {
  test("deepCache() keeps what comes from below the branch", async () => {
    expect(await reused(deepCache({ units, interval: 3 }), 1)).toEqual([
      "output_blocks.4",
    ]);
    const deep = deepCache({ units, interval: 3, branch: 5 });
    expect(await reused(deep, 2)).toEqual(["middle_block"]);
    expect(await reused(deep, 3)).toEqual([]);
  });

  test("fasterDiffusion() keeps the middle block and every skip", async () => {
    const plan = fasterDiffusion({ keySteps: [0, 4], middle: "middle_block" });
    const kept = await reused(plan, 1);
    expect(kept).toContain("middle_block");
    expect(kept.filter((unit) => unit.endsWith(".skip"))).toHaveLength(6);
    await expect(reused(fasterDiffusion({ keySteps: [0] }), 1)).rejects.toThrow(
      "mid_block",
    );
  });

  test("firstBlockCache() probes the first ResNet", () => {
    const { rules } = firstBlockCache({ units });
    expect(rules).toMatchObject([
      { units: ["output_blocks.3"], probe: "input_blocks.1" },
    ]);
  });

  test("taylorSeer() forecasts the last block, down to negative timesteps", async () => {
    const { scheduler } = await planRun(
      model,
      parseRequest({ numInferenceSteps: 8 }),
    );
    const { timesteps } = scheduler;
    expect(timesteps.at(-1)).toBeLessThan(0);
    const grid = { units, numInferenceSteps: 8, timesteps };
    const plan = taylorSeer({ ...grid, interval: 6 });
    expect(plan.rules[0]!.units).toEqual(["output_blocks.5"]);
    expect(await reused(plan, 7)).toEqual(["output_blocks.5"]);
  });
});
