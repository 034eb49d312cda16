// Unets of eight and four bits, as ONNX Runtime's tools write them (models/quantised.py), under plans.

import { wholeModel } from "@phaseskip/graph";
import { beforeAll, describe, expect, test } from "vitest";
import type { Device } from "../../src/device/session.js";
import { openDevice } from "../../src/device/session.js";
import { openFolder } from "../../src/folder/model-folder.js";
import type { Rule } from "../../src/plan/plan.js";
import { Weights } from "../../src/unet/weights.js";
import { ReferenceExecutor } from "./reference-executor.js";
import type { OpenUnet, Outputs } from "./unet-runs.js";
import {
  farthest,
  fixtureFile,
  fixtureFolder,
  openUnet,
  planOf,
  runSchedule,
  runWhole,
  scheduleOf,
} from "./unet-runs.js";

const name = "tiny-quantised";
const guidance = 3;
/** As in conformance.test.ts. */
const same = 1e-5;

const rules: readonly Rule[] = [
  {
    units: ["mid_block", "up_blocks.0"],
    action: "reuse",
    refresh: { every: 2 },
  },
  { units: ["up_blocks.1.resnets.0.skip"], phases: ["late"], action: "zero" },
  {
    units: ["down_blocks.0.resnets.0"],
    action: "extrapolate",
    order: 1,
    refresh: { every: 3 },
  },
];

let device: Device;
beforeAll(async () => {
  device = await openDevice("wasm", { threads: 1 });
});

describe.each(["int8", "q4", "qdq", "qoperator"])(
  "a Unet quantised to %s",
  (form) => {
    const path = `unet/model_${form}.onnx`;
    let open: OpenUnet;
    let none: Outputs;

    beforeAll(async () => {
      open = await openUnet(name, device, {}, undefined, path);
      none = await runSchedule(open, scheduleOf(open.unet, planOf([])));
      return () => open.close();
    });

    test("has the skips of the Unet that it was", () => {
      const skips = [...open.unet.units.units.keys()].filter((path) =>
        path.endsWith(".skip"),
      );
      const at = (block: number) =>
        [0, 1].map((i) => `up_blocks.${block}.resnets.${i}.skip`);
      expect(skips).toEqual([...at(0), ...at(1)]);
    });

    test("gives what its file does in one session, where a plan does nothing", async () => {
      const session = await device.createSession(fixtureFile(name, path));
      const whole = await runWhole(open, device, session);
      await session.release();
      expect(farthest(none, whole)).toBeLessThan(same);
    });

    test("gives under a plan what its whole graph gives with other values in place of its own", async () => {
      const plan = planOf(rules);
      const found = await runSchedule(open, scheduleOf(open.unet, plan));
      const folder = await openFolder(fixtureFolder(name));
      const whole = wholeModel(open.graph);
      const external = await new Weights(folder, path).external(whole);
      const reference = await ReferenceExecutor.open(
        device,
        open.unet,
        plan,
        whole.bytes,
        external,
      );
      const right = await reference.run(guidance);
      await reference.release();
      await folder.close();
      expect(farthest(found, right)).toBeLessThan(same);
      expect(farthest(none, right)).toBeGreaterThan(1);
    });
  },
);
