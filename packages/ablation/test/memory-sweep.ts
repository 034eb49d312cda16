// Runs sweeps without a folder: rows stay in memory.

import type { Shard, SweepSettings } from "@phaseskip/ablation";
import {
  countCalls,
  layOutSweep,
  normaliseCells,
  rowKey,
  runSweep,
  type CellRow,
  type ConvergedRow,
  type JournalEntry,
  type ResponseRow,
} from "@phaseskip/ablation";
import { Study } from "@phaseskip/runtime/internals";

/** What a sweep asks for where a test says nothing. */
export const settings: SweepSettings = {
  scheduler: "ddim",
  numInferenceSteps: 10,
  guidanceScale: 1,
  units: [
    "down_blocks.*.*.*",
    "mid_block.*.*",
    "up_blocks.*",
    "up_blocks.*.*.*",
  ],
  bins: 4,
  windows: ["single"],
  actions: ["zero"],
  prompts: null,
  seeds: 3,
  seed: 0,
  directions: 4,
  converged: 0,
  floorBackend: null,
};

/** Runs a sweep on a model. */
export async function sweep(
  model: string,
  changes: Partial<SweepSettings> = {},
  options: {
    readonly shard?: Shard;
    readonly done?: readonly JournalEntry[];
  } = {},
) {
  const { shard = { index: 0, count: 1 }, done = [] } = options;
  const asked = { ...settings, ...changes };
  const study = await Study.open(model, {
    scheduler: asked.scheduler,
    numInferenceSteps: asked.numInferenceSteps,
    guidanceScale: asked.guidanceScale,
  });
  try {
    const layout = await layOutSweep(study, asked, shard);
    const { timesteps, pairs } = layout.manifest;
    const entries = [...done];
    const converged: ConvergedRow[] = [];
    const totals = await runSweep({
      study,
      convergedSteps: asked.converged,
      openConverged: (numInferenceSteps) =>
        Study.open(model, { scheduler: "ddim", numInferenceSteps }),
      onConverged: (rows) => {
        converged.push(...rows);
        return Promise.resolve();
      },
      items: layout.items,
      mine: layout.mine,
      pairs,
      prompts: asked.prompts,
      done: new Set(done.map(({ row }) => rowKey(row))),
      keep: (entry) => {
        entries.push(entry);
        return Promise.resolve();
      },
    });
    const rows = entries.map(({ row }) => row);
    const cells = normaliseCells(
      rows.filter((row): row is CellRow => "cell" in row),
      rows.filter((row): row is ResponseRow => "response" in row),
      asked.directions,
    );
    const planned = countCalls(
      layout.mine,
      timesteps.length,
      pairs.length,
      asked.converged,
    );
    return { layout, entries, cells, converged, totals, planned };
  } finally {
    await study.dispose();
  }
}
