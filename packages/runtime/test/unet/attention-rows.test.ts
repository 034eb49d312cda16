import { beforeAll, describe, expect, test } from "vitest";
import type { Device } from "../../src/device/session.js";
import { openDevice } from "../../src/device/session.js";
import type { Rule } from "../../src/plan/plan.js";
import { emptyPlan } from "../../src/plan/plan.js";
import {
  farthest,
  openUnet,
  planOf,
  runSchedule,
  scheduleOf,
} from "./unet-runs.js";

/** What "the same" means in float32. */
const same = 1e-5;
/** Attention over 144 to 576 tokens, by 64 rows: some sizes leave a rest. */
const size = { height: 24, width: 24 };

let device: Device;
let byRows: Device;
beforeAll(async () => {
  device = await openDevice("wasm", { threads: 1 });
  byRows = { ...device, maxScores: 1 };
});

const reuse: Rule = {
  units: ["mid_block", "up_blocks.0"],
  action: "reuse",
  refresh: { every: 2 },
};

describe("attention by rows", () => {
  test.each([
    "tiny-text-ts",
    "tiny-text-dynamo",
    "tiny-sd-ts",
    "tiny-text-dynamo-f16",
  ])("is the same as attention all at once: %s", async (name) => {
    for (const plan of [emptyPlan, planOf([reuse])]) {
      const whole = await openUnet(name, device, size);
      const sliced = await openUnet(name, byRows, size);
      const right = await runSchedule(whole, scheduleOf(whole.unet, plan));
      const found = await runSchedule(sliced, scheduleOf(sliced.unet, plan));
      const count = sliced.executor.segments.flatMap((s) => s.attention).length;
      expect(count).toBeGreaterThan(0);
      expect(farthest(found, right)).toBeLessThan(same);
      await whole.close();
      await sliced.close();
    }
  });
});
