// `phaseskip ablate`: which part of a model matters when. Lays a sweep out, runs it, and writes its folder.

import { join } from "node:path";
import {
  convergedSampler,
  countCalls,
  defaultPrompts,
  formatRows,
  layOutSweep,
  pictureName,
  rowKey,
  runSweep,
  shardName,
  type CallCount,
  type Shard,
  type SweepLayout,
  type SweepProgress,
  type SweepSettings,
  type SweepTotals,
  type WindowKind,
  unitsOf,
} from "@phaseskip/ablation";
import type { Picture } from "@phaseskip/metrics";
import type { SchedulerName } from "@phaseskip/runtime";
import {
  formatMeans,
  openDevice,
  Study,
  type StudyOptions,
} from "@phaseskip/runtime/internals";
import { writeNotes, type CommandIo } from "../command-io.js";
import { cpuFeatures } from "../sweep/cpu-features.js";
import { formatCount, formatTime } from "../terminal/format-count.js";
import { encodePng } from "../pictures/png.js";
import { hubRequest, type HubArguments } from "../files/hub-options.js";
import { progress } from "../terminal/progress.js";
import { readPrompts } from "../files/prompt-file.js";
import { schedulerChoice } from "../terminal/run-options.js";
import {
  unetInputs,
  type UnetInputArguments,
} from "../terminal/unet-input-options.js";
import { SweepFolder, writeWhole } from "../sweep/sweep-folder.js";

/** The options of `ablate`, read. */
export interface AblateArguments extends HubArguments, UnetInputArguments {
  readonly out: string;
  readonly units: readonly string[];
  readonly bins: number;
  readonly windows: readonly WindowKind[];
  readonly action: readonly string[];
  readonly prompts?: string;
  readonly seeds: number;
  readonly seed: number;
  readonly shard: Shard;
  readonly steps: number;
  readonly scheduler?: SchedulerName;
  readonly schedulerOption?: readonly string[];
  readonly guidance?: number;
  readonly directions: number;
  readonly converged: number;
  readonly pictures: number;
  readonly backend: "wasm" | "node";
}

/** Runs `phaseskip ablate MODEL`. */
export async function ablate(
  model: string,
  options: AblateArguments,
  io: CommandIo,
): Promise<void> {
  const { steps, guidance, backend } = options;
  const scheduler = schedulerChoice(options.scheduler, options.schedulerOption);
  const inputs = unetInputs(options);
  const asked: StudyOptions = {
    device: backend,
    hub: hubRequest(options),
    numInferenceSteps: steps,
    ...(scheduler !== undefined && { scheduler }),
    ...(guidance !== undefined && { guidanceScale: guidance }),
    ...(inputs && { inputs }),
    ...(io.signal && { signal: io.signal }),
  };
  const study = await Study.open(model, asked);
  const shown = progress(io.stderr);
  try {
    const other = await otherBackend(backend);
    const settings = await settingsOf(study, options, other);
    const layout = await layOutSweep(study, settings, options.shard);
    const { timesteps, pairs } = layout.manifest;
    const count = (items: SweepLayout["items"]) =>
      countCalls(items, timesteps.length, pairs.length, settings.converged);
    const [whole, mine] = [count(layout.items), count(layout.mine)];
    io.stderr.write(describePlanned(layout, whole, mine));
    writeNotes(io, [...layout.notes, ...seedNotes(options)]);
    const folder = await SweepFolder.open(options.out, {
      ...layout.manifest,
      cpu: cpuFeatures(),
    });
    let totals: SweepTotals;
    try {
      totals = await runSweep({
        study,
        ...(other && {
          openOther: () => Study.open(model, { ...asked, device: other }),
        }),
        convergedSteps: settings.converged,
        openConverged: (numInferenceSteps) =>
          Study.open(model, {
            ...{ ...asked, ...convergedSampler, numInferenceSteps },
          }),
        onConverged: (rows) =>
          writeWhole(join(options.out, "converged.jsonl"), formatRows(rows)),
        items: layout.items,
        mine: layout.mine,
        pairs,
        prompts: settings.prompts,
        done: folder.done,
        keep: async (entry, pictures) => {
          const shownPictures = pictures.slice(0, options.pictures);
          await writePictures(options.out, rowKey(entry.row), shownPictures);
          await folder.keep(entry);
        },
        onReferences: async (rows, pictures) => {
          await writeWhole(
            join(options.out, "references.jsonl"),
            formatRows(rows),
          );
          await writePictures(options.out, "reference", pictures);
        },
        onMeans: (means) =>
          writeWhole(join(options.out, "means.json"), formatMeans(means)),
        onProgress: (news) =>
          shown.show(
            "sweep",
            news.calls,
            Math.max(1, news.total),
            timeLeft(news),
          ),
      });
      await folder.finish();
    } finally {
      shown.clear();
      await folder.close();
    }
    writeNotes(io, totals.warnings);
    io.stdout.write(describeDone(options.out, folder.entries.length, totals));
  } finally {
    shown.clear();
    await study.dispose();
  }
}

async function settingsOf(
  study: Study,
  options: AblateArguments,
  floorBackend: string | undefined,
): Promise<SweepSettings> {
  const { bins, windows, action, seeds, seed, directions, schedulerOption } =
    options;
  const units = unitsOf(options.units, study.units());
  return {
    scheduler: study.scheduler.name,
    ...(schedulerOption && { schedulerOptions: schedulerOption }),
    numInferenceSteps: study.scheduler.numInferenceSteps,
    guidanceScale: study.guidanceScale,
    units,
    bins,
    windows,
    actions: action,
    prompts: await promptsOf(study, options.prompts),
    seeds,
    seed,
    directions,
    converged: options.converged,
    floorBackend: floorBackend ?? null,
  };
}

async function promptsOf(
  { hasPrompt }: Study,
  path: string | undefined,
): Promise<readonly string[] | null> {
  if (path === undefined) return hasPrompt ? defaultPrompts : null;
  if (!hasPrompt) {
    throw new TypeError(
      "Cannot sweep over prompts as this model is unconditional: leave --prompts out; --seeds says how many pictures",
    );
  }
  return readPrompts(path, "sweep over");
}

/** The other build of ONNX Runtime, where it is installed. */
async function otherBackend(
  backend: "wasm" | "node",
): Promise<"wasm" | "node" | undefined> {
  if (backend === "node") return "wasm";
  try {
    await openDevice("node", { threads: 1 });
    return "node";
  } catch {
    return undefined;
  }
}

function seedNotes({ seeds }: AblateArguments): string[] {
  if (seeds >= 4) return [];
  return [
    `${seeds === 1 ? "one seed says" : `${seeds} seeds say`} nothing of how results scatter: no intervals; give --seeds 4 or more`,
  ];
}

async function writePictures(
  out: string,
  row: string,
  pictures: readonly Picture[],
): Promise<void> {
  for (const [pair, picture] of pictures.entries()) {
    const path = join(out, "pictures", pictureName(row, pair));
    // a picture is no row: it need not outlive the machine's fall
    await writeWhole(path, encodePng(picture), { flush: false });
  }
}

/** What the sweep will cost, and what restarts save. */
function describePlanned(
  { items, manifest }: SweepLayout,
  whole: CallCount & { readonly cells: CallCount },
  mine: CallCount,
): string {
  const { pairs, measured, settings, shard } = manifest;
  const cells = items.flatMap((item) =>
    item.kind === "cells" ? item.cells : [],
  );
  const ratio = ({ planned, naive }: CallCount) => (planned / naive).toFixed(3);
  const lines = [
    `${cells.length} cells of ${measured.length} units, ${settings.bins} bins; ${pairs.length} pairs, ${manifest.timesteps.length} steps`,
    `Unet calls: ${whole.planned} planned, ${whole.naive} if every run began at the first step (${ratio(whole)}); of the cells alone ${whole.cells.planned} of ${whole.cells.naive} (${ratio(whole.cells)})`,
    ...(shard.count > 1
      ? [`shard ${shardName(shard)}: ${mine.planned} calls`]
      : []),
  ];
  return `${lines.join("\n")}\n`;
}

function timeLeft({ row, calls, total, milliseconds }: SweepProgress): string {
  // the first calls are slow, and say nothing of the rest
  if (calls < 20) return row;
  const left = (milliseconds / calls) * (total - calls);
  return `${duration(left)} left, ${row}`;
}

function duration(milliseconds: number): string {
  const minutes = Math.round(milliseconds / 60_000);
  if (minutes < 1) return `${Math.ceil(milliseconds / 1000)} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 1 ? `${minutes} min` : `${hours} h ${minutes % 60} min`;
}

/** What it took, by the call's time in the full runs and by its mean: a machine that others use changes on the way. */
function describeDone(
  out: string,
  rows: number,
  { calls, milliseconds, other, ...each }: SweepTotals,
): string {
  if (calls === 0) return `${out}: ${rows} rows, all of them there before\n`;
  const { callMilliseconds, meanCallMilliseconds } = each;
  const [ownCalls, own] = [
    calls - other.calls,
    milliseconds - other.milliseconds,
  ];
  const ratio = (call: number) =>
    `${(own / (ownCalls * call)).toFixed(2)} × calls × ${call.toFixed(1)} ms`;
  const apart =
    other.calls > 0
      ? ` (${formatTime(other.milliseconds)} the other backend’s)`
      : "";
  return [
    `${out}: ${rows} rows`,
    `${formatCount(calls)} calls in ${formatTime(milliseconds)}${apart}`,
    `${ratio(meanCallMilliseconds)}, their mean; ${ratio(callMilliseconds)}, the full model’s at the start`,
    "",
  ].join("\n");
}
