// What a sweep acts on in a Unet with ADM's names.

import { defaultUnits, unitsOf } from "@phaseskip/ablation";
import { describe, expect, test } from "vitest";
import { findTargets } from "../src/cells/targets.js";
import { sweepWindows } from "../src/cells/windows.js";

const units = [
  ...["input_blocks.0", "input_blocks.0.0", "input_blocks.1"],
  ...["input_blocks.1.0", "input_blocks.1.1", "middle_block"],
  "middle_block.0",
  ...["output_blocks.0.0.skip", "output_blocks.0", "output_blocks.0.0"],
].map((path) => ({
  path,
  ...(path.endsWith(".skip") && { source: "input_blocks.1.1" }),
}));

describe("with ADM's names", () => {
  test("a sweep's default is their blocks, what these are made of, and all skips", () => {
    expect(unitsOf(defaultUnits, units)).toContain("input_blocks.*.*");
    expect(unitsOf(["middle_block"], units)).toEqual(["middle_block"]);
    const diffusers = [{ path: "mid_block" }];
    expect(unitsOf(defaultUnits, diffusers)).toBe(defaultUnits);
  });

  test("blocks are blocks, with their branches and the skips that they feed", () => {
    const all = units.map(({ path }) => path);
    const targets = findTargets(units, all);
    const kindOf = (unit: string) =>
      targets.filter((target) => target.unit === unit)[0]?.kind;
    expect(kindOf("input_blocks.1")).toBe("block");
    expect(kindOf("output_blocks.0.0.skip")).toBe("skip");
    const fed = targets.find(({ kind }) => kind === "blockWithSkips");
    expect(fed).toMatchObject({
      unit: "input_blocks.1 with skips",
      units: ["input_blocks.1.0", "input_blocks.1.1", "output_blocks.0.0.skip"],
    });
  });
});

test("the last window reaches down to timesteps below 0", () => {
  const timesteps = [1.1, 0.2, -1.5];
  const whole = sweepWindows(timesteps, [[0, 3]], ["single"], 1.1);
  expect(whole).toMatchObject([{ from: 1.1, to: -1.5 }]);
});
