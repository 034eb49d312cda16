import { PhaseskipError } from "@phaseskip/graph";
import fc from "fast-check";
import { beforeAll, describe, expect, test, vi } from "vitest";
import type { GuidanceRule, Refresh, Rule } from "../src/plan/plan.js";
import type { Device } from "../src/session.js";
import { openDevice } from "../src/session.js";
import { NeverComputedError, ReferenceExecutor } from "./reference-executor.js";
import {
  farthest,
  fixtureFile,
  openUnet,
  planOf,
  runSchedule,
  scheduleOf,
  timesteps,
} from "./unet-runs.js";

vi.setConfig({ testTimeout: 300_000 });

/**
 * The largest difference, as a part of the standard deviation. A switch keeps ONNX Runtime from fusing
 * across it, a cut does so elsewhere: rounding differs by up to 1.2e-5 here, a wrong value by 1e-2.
 */
const close = 5e-5;

const patterns = [
  ...[
    "mid_block",
    "up_blocks.*",
    "up_blocks.1",
    "down_blocks.1",
    "down_blocks.0.resnets.0",
  ],
  ...[
    "**.skip",
    "up_blocks.1.**.skip",
    "up_blocks.2.resnets.1.skip",
    "**.attn2",
    "**.attn1",
  ],
  ...[
    "conv_in",
    "conv_out",
    "*.*.resnets.0",
    "mid_block.**",
    "**.upsamplers.0",
    "**.ff",
  ],
];

const refreshes: fc.Arbitrary<Refresh> = fc.oneof(
  fc.record({ every: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ every: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ everyTimesteps: fc.constantFrom(100, 149.5, 150, 300, 500) }),
  fc.record({
    at: fc
      .uniqueArray(fc.nat(timesteps.length - 1))
      .map((steps) => [0, ...steps]),
  }),
  fc.record({
    atTimesteps: fc.constantFrom([1000, 500], [960, 650.5, 90], [2000, 650]),
  }),
  fc.constant<Refresh>("never"),
);

const rules: fc.Arbitrary<Rule> = fc
  .record({
    units: fc.uniqueArray(fc.constantFrom(...patterns), {
      minLength: 1,
      maxLength: 2,
    }),
    phases: fc.constantFrom(
      undefined,
      ["early"],
      ["late"],
      ["late"],
      ["early", "late"],
    ),
    contexts: fc.constantFrom(
      undefined,
      undefined,
      ["cond" as const],
      ["uncond" as const],
    ),
    action: fc.oneof(
      {
        weight: 6,
        arbitrary: refreshes.map((refresh) => ({
          action: "reuse" as const,
          refresh,
        })),
      },
      { weight: 1, arbitrary: fc.constant({ action: "zero" as const }) },
      { weight: 1, arbitrary: fc.constant({ action: "run" as const }) },
    ),
  })
  .map(({ units, phases, contexts, action }) => ({
    units,
    ...(phases && { phases }),
    ...(contexts && { contexts }),
    ...action,
  }));

const guidances: fc.Arbitrary<GuidanceRule[]> = fc.constantFrom<GuidanceRule[]>(
  [],
  [{ phases: ["late"], action: "off" }],
  [{ action: "off" }, { phases: ["late"], scale: 2 }],
);

let device: Device;
beforeAll(async () => {
  device = await openDevice("wasm", { threads: 1 });
});

describe("UnetExecutor under random plans equals one session of the whole graph with switches in it", () => {
  test.each([
    ["tiny-text-ts", undefined, 10],
    ["tiny-text-dynamo", "model.onnx.data", 6],
  ])("%s", async (name, external, numRuns) => {
    const open = await openUnet(name, device);
    const file = fixtureFile(name, "unet/model.onnx");
    const weights = external && {
      name: external,
      bytes: fixtureFile(name, `unet/${external}`),
    };
    let ran = 0;
    const plans = fc.tuple(
      fc.array(rules, { minLength: 1, maxLength: 4 }),
      guidances,
    );
    await fc.assert(
      fc.asyncProperty(plans, async ([given, guidance]) => {
        const plan = planOf(given, guidance);
        const reference = await ReferenceExecutor.open(
          device,
          open.unet,
          plan,
          file,
          weights || undefined,
        );
        try {
          const right = await reference.run(3).catch((error: unknown) => {
            if (error instanceof NeverComputedError) return error;
            throw error;
          });
          if (right instanceof NeverComputedError) {
            expect(() => scheduleOf(open.unet, plan)).toThrow(PhaseskipError);
            return;
          }
          const found = await runSchedule(open, scheduleOf(open.unet, plan));
          expect(farthest(found, right)).toBeLessThan(close);
          ran++;
        } finally {
          await reference.release();
        }
      }),
      { seed: 20, numRuns },
    );
    expect(ran).toBeGreaterThan(numRuns / 3);
    await open.close();
  });
});
