import { describe, expect, test } from "vitest";
import {
  actionsOf,
  cellKey,
  cellRules,
  countCalls,
  equalBins,
  findTargets,
  itemCalls,
  layOutWork,
  parseJournal,
  parseRows,
  rankingAgreement,
  responseAt,
  rowsOf,
  shardItems,
  sweepWindows,
  windowKinds,
  type CellKind,
} from "@phaseskip/ablation";

const steps = 50;
const timesteps = Array.from({ length: steps }, (_, i) => 980 - 20 * i);

describe("equalBins()", () => {
  test("parts the steps evenly and gives the last one a bin of its own", () => {
    const bins = equalBins(steps, 10);
    expect(bins).toHaveLength(10);
    expect(bins.at(-1)).toEqual([49, 50]);
    const sizes = bins.slice(0, -1).map(([first, end]) => end - first);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    bins.slice(1).forEach(([first], i) => expect(first).toBe(bins[i]![1]));
    expect(equalBins(5, 5)).toEqual([0, 1, 2, 3, 4].map((i) => [i, i + 1]));
    expect(equalBins(5, 1)).toEqual([[0, 5]]);
  });

  test("throws RangeError for more bins than steps", () => {
    expect(() => equalBins(4, 5)).toThrow(
      "bins must be an integer in [1, 4], the sampler's steps: current value is 5",
    );
  });
});

describe("sweepWindows()", () => {
  test("says each window as a phase of a plan: to <= t < from", () => {
    const bins = equalBins(steps, 4);
    for (const window of sweepWindows(timesteps, bins, windowKinds, 1000)) {
      const inside = timesteps.filter((t) => window.to <= t && t < window.from);
      expect(inside).toEqual(timesteps.slice(window.firstStep, window.endStep));
    }
  });

  test("measures each window once", () => {
    const windows = sweepWindows(
      timesteps,
      equalBins(steps, 4),
      windowKinds,
      1000,
    );
    const spans = windows.map(
      ({ firstStep, endStep }) => `${firstStep}-${endStep}`,
    );
    expect(new Set(spans).size).toBe(spans.length);
    expect(windows).toHaveLength(4 + 3 + 2);
  });

  test("throws RangeError where two steps of one timestep would be parted", () => {
    expect(() =>
      sweepWindows(
        [900, 600, 600],
        [
          [0, 2],
          [2, 3],
        ],
        ["single"],
        1000,
      ),
    ).toThrow("steps 1 and 2 are both at 600");
  });
});

const units = [
  "down_blocks.0",
  "down_blocks.0.resnets.0",
  "down_blocks.0.downsamplers.0",
  "up_blocks.0",
  "up_blocks.0.resnets.0",
  "up_blocks.0.resnets.0.skip",
  "up_blocks.0.resnets.1.skip",
  "up_blocks.1.resnets.0.skip",
];
const all = units.map((path) =>
  path.endsWith(".skip")
    ? { path, source: "down_blocks.0.resnets.0" }
    : { path },
);

describe("findTargets()", () => {
  test("finds skips alone, all of a level, and all; a down block with its skips and without", () => {
    const targets = findTargets(all, units);
    const kinds = Object.fromEntries(
      targets.map(({ unit, kind }) => [unit, kind]),
    );
    expect(kinds).toMatchObject({
      "down_blocks.0": "block",
      "down_blocks.0 with skips": "blockWithSkips",
      "down_blocks.0.resnets.0": "unit",
      "down_blocks.0.downsamplers.0": "sampler",
      "up_blocks.0.resnets.0.skip": "skip",
      "up_blocks.0.**.skip": "skips",
      "**.skip": "skips",
    });
    expect(kinds["up_blocks.1.**.skip"]).toBeUndefined();
  });

  test("groups skips only where all of the group are asked for", () => {
    const some = findTargets(all, ["up_blocks.0.resnets.0.skip"]);
    expect(some.map(({ unit }) => unit)).toEqual([
      "up_blocks.0.resnets.0.skip",
    ]);
  });
});

describe("actionsOf()", () => {
  const targets = findTargets(all, units);
  const kindsOf = (unit: string, ...names: string[]) =>
    actionsOf(
      targets.find((target) => target.unit === unit)!,
      names,
    ).map(
      ({ family, action, refresh }) =>
        `${family} ${action}${refresh?.every ?? ""}`,
    );

  test("removes residuals of units, and skips by zeros and by means", () => {
    expect(kindsOf("down_blocks.0.resnets.0", "removal")).toEqual([
      "removal zeroResidual",
    ]);
    expect(kindsOf("**.skip", "removal")).toEqual([
      "removal zero",
      "removal mean",
    ]);
    const [block] = actionsOf(
      targets.find(({ kind }) => kind === "blockWithSkips")!,
      ["removal", "reuse"],
    );
    expect(cellRules(block!)).toEqual([
      { units: ["down_blocks.0.resnets.0"], action: "zero", value: "residual" },
      { units: units.filter((unit) => unit.endsWith(".skip")), action: "zero" },
    ]);
  });

  test("takes samplers by lesion, mean and reuse only", () => {
    const names = ["removal", "lesion", "mean", "reuse"];
    expect(kindsOf("down_blocks.0.downsamplers.0", ...names)).toEqual([
      "lesion zero",
      "lesion bypass",
      "lesion mean",
      "reuse reuse2",
      "reuse reuse5",
    ]);
    expect(kindsOf("up_blocks.0", "reuse-7")).toEqual(["reuse reuse7"]);
    expect(() => kindsOf("up_blocks.0", "reuse-1")).toThrow(RangeError);
  });
});

const kind: CellKind = {
  unit: "mid_block",
  units: ["mid_block"],
  family: "lesion",
  action: "zero",
  refresh: null,
};
const options = { directions: 4, floors: ["noise" as const], emergence: true };
const layOut = (kinds = windowKinds) =>
  layOutWork(
    [kind, { ...kind, unit: "other" }],
    sweepWindows(timesteps, equalBins(steps, 10), kinds, 1000),
    options,
  );

describe("shardItems()", () => {
  test("deals every row to exactly one shard, in about equal parts", () => {
    const items = layOut();
    const shards = [0, 1, 2].map((index) =>
      shardItems(items, { index, count: 3 }, steps),
    );
    const rows = shards.flat().flatMap((item) => rowsOf(item, 8));
    expect(rows.sort()).toEqual(
      items.flatMap((item) => rowsOf(item, 8)).sort(),
    );
    const loads = shards.map((shard) =>
      shard.reduce((sum, item) => sum + itemCalls(item, steps).planned, 0),
    );
    expect(Math.max(...loads) / Math.min(...loads)).toBeLessThan(1.2);
  });
});

describe("countCalls()", () => {
  test("counts what single bins save by hand", () => {
    const { cells } = countCalls(layOut(["single"]), steps, 8);
    const starts = equalBins(steps, 10).map(([first]) => steps - first);
    const perUnit = starts.reduce((a, b) => a + b, 0);
    expect(cells).toEqual({
      planned: 2 * 8 * perUnit,
      naive: 2 * 8 * 10 * steps,
    });
    expect(cells.planned / cells.naive).toBeLessThanOrEqual(0.56);
  });
});

describe("responseAt()", () => {
  const points = [0.01, 0.1, 1].map((norm) => ({
    norm,
    effect: 3 * norm ** 2,
  }));

  test("follows a power law between and beyond the norms measured", () => {
    for (const norm of [0.001, 0.01, 0.05, 0.7, 1, 3])
      expect(responseAt(points, norm, 2)! / (3 * norm ** 2)).toBeCloseTo(1, 9);
  });

  test("does not use points without an effect, and says null where there is none", () => {
    const some = [{ norm: 0.001, effect: 0 }, ...points];
    expect(responseAt(some, 0.05, 2)).toBe(responseAt(points, 0.05, 2));
    expect(responseAt([{ norm: 1, effect: 0 }], 0.5, 1)).toBeNull();
    expect(responseAt(points, 0, 2)).toBeNull();
  });
});

describe("parseJournal()", () => {
  test("leaves out a torn last line, and throws for a broken one before it", () => {
    const row = { floor: "floor/noise", source: "noise", effects: [] };
    const line = `${JSON.stringify({ row, calls: 1, milliseconds: 2 })}\n`;
    const { entries, length } = parseJournal(`${line}${line}{"row":{"fl`, "j");
    expect(entries).toHaveLength(2);
    expect(length).toBe(2 * line.length);
    expect(() => parseJournal(`{"row\n${line}`, "j.jsonl")).toThrow(
      "Cannot go on with j.jsonl as each of its lines must be whole: line 1",
    );
  });
});

test("parseRows() names the line that is no row", () => {
  const row = '{"floor":"floor/noise","source":"noise","effects":[]}';
  expect(() => parseRows(`${row}\n{"other":1}\n`, "cells.jsonl")).toThrow(
    "Cannot read cells.jsonl as every line must be a row of a sweep: line 2",
  );
});

test("cellKey() names unit, window and action", () => {
  const [window] = sweepWindows(timesteps, [[0, 5]], ["single"], 1000);
  expect(
    cellKey({
      ...kind,
      action: "reuse",
      refresh: { every: 2 },
      window: window!,
    }),
  ).toBe("mid_block/single:000-005/reuse-2");
});

test("rankingAgreement() is 1 for one order, -1 for its reverse, NaN for fewer than 3 units", () => {
  const ranked = ["a", "b", "c"].map((unit, i) => ({ unit, effect: 3 - i }));
  const reverse = ranked.map(({ unit, effect }) => ({ unit, effect: -effect }));
  expect(rankingAgreement(ranked, ranked)).toBeCloseTo(1);
  expect(rankingAgreement(ranked, reverse)).toBeCloseTo(-1);
  expect(rankingAgreement(ranked, ranked.slice(1))).toBeNaN();
});
