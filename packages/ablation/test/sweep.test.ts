import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  countCalls,
  findSweepPhases,
  formatRows,
  layOutSweep,
  rankUnits,
  type CellRow,
} from "@phaseskip/ablation";
import { Study } from "@phaseskip/runtime/internals";
import { known, writeKnownModel } from "./known-model.js";
import { settings, sweep } from "./memory-sweep.js";

let folder: string;
let model: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "known-model-"));
  model = writeKnownModel(join(folder, "model"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const fixture = (name: string) =>
  fileURLToPath(new URL(`../../../models/${name}`, import.meta.url));

const effectOf = (cells: readonly CellRow[], unit: string, bin: number) => {
  const cell = cells.find(
    (one) => one.unit === unit && one.window.bin === bin,
  )!;
  return Math.max(...cell.effects.map(({ relativeL2 }) => relativeL2));
};

describe("runSweep() on a model whose truth is known", () => {
  let cells: readonly CellRow[];
  let result: Awaited<ReturnType<typeof sweep>>;
  beforeAll(async () => {
    result = await sweep(model);
    cells = result.cells;
  });

  test("ranks what is essential first, and what is redundant last", () => {
    const ranked = rankUnits(cells, { action: "zero" }).map(({ unit }) => unit);
    expect(ranked[0]).toBe(known.essential);
    expect(ranked.slice(-2).sort()).toEqual([...known.redundant]);
  });

  test("finds the unit that is useless late: an effect early, none at all late", () => {
    expect(effectOf(cells, known.uselessLate, 0)).toBeGreaterThan(0.01);
    expect(effectOf(cells, known.uselessLate, 2)).toBe(0);
    expect(effectOf(cells, known.uselessLate, 3)).toBe(0);
  });

  test("finds the unit that is useless early and essential late", () => {
    expect(effectOf(cells, known.uselessEarly, 0)).toBe(0);
    expect(effectOf(cells, known.uselessEarly, 3)).toBeGreaterThan(0.1);
    const late = rankUnits(cells, {
      action: "zero",
      window: "single:009-010",
    });
    expect(late.slice(0, 2).map(({ unit }) => unit)).toContain(
      known.uselessEarly,
    );
  });

  test("finds two units redundant: either may go, not both", () => {
    for (let bin = 0; bin < 4; bin++) {
      for (const unit of known.redundant)
        expect(effectOf(cells, unit, bin)).toBe(0);
      expect(effectOf(cells, known.redundantTogether, bin)).toBeGreaterThan(
        0.01,
      );
    }
  });

  test("tells effects in units of the sampler's response", () => {
    const cell = cells.find(({ unit }) => unit === known.essential)!;
    for (const { local, relativeL2, normalised } of cell.effects) {
      expect(local).toBeGreaterThan(0);
      expect(normalised!.relativeL2).toBeGreaterThan(0);
      expect(relativeL2 / normalised!.relativeL2!).toBeGreaterThan(0);
    }
    const none = cells.find(({ unit }) => unit === known.redundant[0])!;
    expect(none.effects[0]!.normalised!.relativeL2).toBeNull();
  });

  test("makes the calls that were planned, and no more than 0.6 of the naive ones", () => {
    const { totals, planned } = result;
    expect(totals.calls).toBe(planned.planned);
    expect(planned.planned / planned.naive).toBeLessThan(0.6);
  });

  test("gives the same bytes when it goes on from any row", async () => {
    const half = result.entries.slice(0, Math.floor(result.entries.length / 2));
    const again = await sweep(model, {}, { done: half });
    expect(formatRows(again.cells)).toBe(formatRows(cells));
  });

  test("takes no call where everything is there", async () => {
    const { totals } = await sweep(model, {}, { done: result.entries });
    expect(totals.calls).toBe(0);
  });

  test("looks for phases in the cells of an action", () => {
    const [phases] = findSweepPhases(result.layout.manifest as never, cells, {
      draws: 20,
    });
    expect(phases!.groupedBy).toBe("seeds");
    // of four, as the last one is the last step
    expect(phases!.bins).toBe(3);
    expect(phases!.units).toContain(known.essential);
  });
});

describe("runSweep() with converged paths", () => {
  test("finds the unit whose removal helps: without it, runs end nearer to the converged path", async () => {
    const { cells, converged, totals, planned } = await sweep(model, {
      units: ["down_blocks.*.*.*", "mid_block.*.*"],
      windows: ["prefix"],
      bins: 2,
      converged: 200,
    });
    expect(converged).toHaveLength(3);
    for (const { agreement } of converged)
      expect(agreement).toBeGreaterThan(0.9);
    const nearer = (unit: string) =>
      cells
        .filter((cell) => cell.unit === unit && cell.window.endStep === 9)
        .flatMap(({ effects }) =>
          effects.map(
            ({ pair, toConverged }) =>
              converged[pair]!.relativeL2 - toConverged!.relativeL2,
          ),
        );
    for (const gain of nearer(known.harmful))
      expect(gain).toBeGreaterThan(0.01);
    for (const gain of nearer(known.essential)) expect(gain).toBeLessThan(0);
    expect(totals.calls).toBe(planned.planned);
  });
});

describe("runSweep()", () => {
  test("gives prefixes, suffixes and single bins the bytes that runs from the first step have", async () => {
    const { cells } = await sweep(model, {
      windows: ["single", "prefix", "suffix"],
      actions: ["zero", "reuse-2", "bypass", "mean"],
      units: [known.essential],
      seeds: 1,
    });
    const kinds = new Set(cells.map(({ window }) => window.kind));
    expect([...kinds].sort()).toEqual(["prefix", "single", "suffix"]);
    const actions = new Set(cells.map(({ action }) => action));
    expect([...actions].sort()).toEqual(["bypass", "mean", "reuse", "zero"]);
    const study = await Study.open(model, {
      scheduler: "ddim",
      numInferenceSteps: 10,
    });
    const rule = { units: [known.essential], action: "zero" } as const;
    const windows = cells
      .filter(({ action }) => action === "zero")
      .map(({ window, effects }) => ({ ...window, effect: effects[0]! }));
    await study.prepare(
      windows.map(({ firstStep, endStep }) => ({
        rules: [rule],
        firstStep,
        endStep,
      })),
    );
    const run = await study.begin({ seed: 0 });
    const full = await run.advance(run.start(), 10);
    for (const { firstStep, endStep, effect } of windows) {
      const end = await run.advance(run.start(), 10, {
        window: { rules: [rule], firstStep, endStep },
      });
      let [difference, norm] = [0, 0];
      end.sample.forEach((x, i) => {
        difference += (x - full.sample[i]!) ** 2;
        norm += full.sample[i]! ** 2;
      });
      expect(Math.sqrt(difference / norm)).toBe(effect.relativeL2);
    }
    run.dispose();
    await study.dispose();
  });

  test("throws for a model whose output is not finite, before any row", async () => {
    const broken = writeKnownModel(join(folder, "broken"), { gain: Infinity });
    await expect(sweep(broken)).rejects.toThrow(/must (be|give) finite/);
  });

  test("throws RangeError for a unit that the model does not have", async () => {
    await expect(sweep(model, { units: ["down_blocks.7"] })).rejects.toThrow(
      "Cannot study the unit down_blocks.7 as it must be a unit of this model",
    );
  });

  test("throws RangeError for more bins than steps", async () => {
    await expect(sweep(model, { bins: 11 })).rejects.toThrow(
      "bins must be an integer in [1, 10], the sampler's steps: current value is 11",
    );
  });

  test("throws RangeError for an action that there is not, or that no unit allows", async () => {
    await expect(sweep(model, { actions: ["remove"] })).rejects.toThrow(
      "an action must be one of removal, lesion, reuse",
    );
    const units = ["down_blocks.0.downsamplers.0"];
    await expect(
      sweep(fixture("tiny-ddpm-ts"), { actions: ["removal"], units }),
    ).rejects.toThrow(
      "at least one unit must allow one of the actions removal",
    );
  });

  test("plans 30 units × 10 bins × 8 pairs at 50 steps with at most 0.56 of the naive calls", async () => {
    const study = await Study.open(model, { numInferenceSteps: 50 });
    const { items } = await layOutSweep(
      study,
      { ...settings, numInferenceSteps: 50, bins: 10, seeds: 8 },
      { index: 0, count: 1 },
    );
    const { planned, naive } = countCalls(items, 50, 8);
    expect(planned / naive).toBeLessThanOrEqual(0.56);
    await study.dispose();
  });
});
