// `phaseskip generate`: from a prompt to a PNG, with the whole model or under a plan, or both side by side.

import { mean, ssim, type Picture } from "@phaseskip/metrics";
import type {
  Generated,
  GenerateOptions,
  Pipeline,
  SchedulerName,
} from "@phaseskip/runtime";
import { writeJson, writeNotes, type CommandIo } from "./command-io.js";
import { formatCount, formatShare, formatTime } from "./format-count.js";
import { openPipeline } from "./node-pipeline.js";
import { readNpy, writeNpy, type NpyArray } from "./npy.js";
import { grid, intoRows } from "./picture-grid.js";
import { planArgument } from "./plan-argument.js";
import { writePng } from "./png.js";
import { progress, type Progress } from "./progress.js";
import { formatTable } from "./table.js";
import { unetMilliseconds } from "./unet-time.js";

/** The options of `generate`, read. */
export interface GenerateArguments {
  readonly prompt?: string;
  readonly negative?: string;
  readonly seed: number;
  readonly count?: number;
  readonly steps?: number;
  readonly scheduler?: SchedulerName;
  readonly guidance?: number;
  readonly plan: string;
  readonly compare?: true;
  readonly out?: string;
  readonly initNoise?: string;
  readonly saveSample?: string;
  readonly backend: "wasm" | "node";
  readonly json?: true;
}

interface Drawn {
  readonly generated: Generated;
  /** The whole model's, if it was asked for. */
  readonly full: Generated | undefined;
}

/** Pictures in a row of the sheet at most. */
const COLUMNS = 8;
/** A smaller picture is written with its pixels repeated until it is as high as this. */
const LEAST_HEIGHT = 256;

/** Runs `phaseskip generate MODEL`. */
export async function generate(
  model: string,
  options: GenerateArguments,
  io: CommandIo,
): Promise<void> {
  if (options.compare && options.plan === "none") {
    throw new TypeError(
      "Cannot compare as --compare needs a plan: give --plan a file or a name",
    );
  }
  const noise =
    options.initNoise === undefined
      ? undefined
      : await readNpy(options.initNoise);
  const count = countOf(options, noise);
  const request = await requestOf(options, count, noise);
  const shown = progress(io.stderr);
  const { signal } = io;
  const pipeline = await openPipeline(model, {
    device: options.backend,
    progress: shown,
    ...(signal && { signal }),
  });
  let drawn: Drawn;
  try {
    drawn = await draw(
      pipeline,
      request,
      options.compare === true,
      shown,
      signal,
    );
  } finally {
    shown.clear();
    pipeline.dispose();
  }
  if (noise) checkNoise(noise, drawn.generated, options.initNoise!);
  const files = await writeFiles(drawn, options);
  writeNotes(io, [...pipeline.warnings, ...drawn.generated.report.warnings]);
  if (options.json) writeJson(io, summary(model, options, drawn, files));
  else io.stdout.write(describe(drawn, files, io));
}

function countOf(
  { count, initNoise }: GenerateArguments,
  noise: NpyArray | undefined,
): number {
  if (!noise) return count ?? 1;
  const [batch = 0] = noise.shape;
  if (noise.shape.length === 4 && batch > 0 && batch === (count ?? batch))
    return batch;
  throw new RangeError(
    `Cannot start from ${initNoise} as its shape must be [${count ?? "batch"}, channel, height, width]: it is [${noise.shape.join(", ")}]`,
  );
}

async function requestOf(
  options: GenerateArguments,
  count: number,
  noise: NpyArray | undefined,
): Promise<GenerateOptions> {
  const { prompt, negative, seed, steps, scheduler, guidance } = options;
  return {
    plan: await planArgument(options.plan),
    seed,
    numImagesPerPrompt: count,
    ...(prompt !== undefined && { prompt }),
    ...(negative !== undefined && { negativePrompt: negative }),
    ...(steps !== undefined && { numInferenceSteps: steps }),
    ...(scheduler !== undefined && { scheduler }),
    ...(guidance !== undefined && { guidanceScale: guidance }),
    ...(noise && { initNoise: noise.data }),
  };
}

/** The plan's run comes first: what a first run costs once more never counts for the plan. */
async function draw(
  pipeline: Pipeline,
  request: GenerateOptions,
  isCompared: boolean,
  shown: Progress,
  signal: AbortSignal | undefined,
): Promise<Drawn> {
  const run = async (label: string, changes: GenerateOptions = {}) =>
    pipeline.generate({
      ...request,
      ...changes,
      ...(signal && { signal }),
      onStep: ({ stepIndex, stepCount }) =>
        shown.show(
          label,
          stepIndex + 1,
          stepCount,
          `step ${stepIndex + 1} of ${stepCount}`,
        ),
    });
  if (!isCompared) return { generated: await run("drawing"), full: undefined };
  const generated = await run("drawing, plan");
  const { numInferenceSteps } = generated.report;
  return {
    generated,
    full: await run("drawing, full", { plan: "none", numInferenceSteps }),
  };
}

function checkNoise(
  { shape }: NpyArray,
  { sampleShape }: Generated,
  path: string,
): void {
  if (shape.join() === sampleShape.join()) return;
  throw new RangeError(
    `Cannot start from ${path} as its shape must be [${sampleShape.join(", ")}]: it is [${shape.join(", ")}]`,
  );
}

interface Files {
  readonly picture: string | undefined;
  readonly sample: string | undefined;
  readonly scale: number;
}

async function writeFiles(
  { generated, full }: Drawn,
  options: GenerateArguments,
): Promise<Files> {
  const { saveSample } = options;
  const out =
    options.out ?? (saveSample === undefined ? "phaseskip.png" : undefined);
  const { images, sample, sampleShape } = generated;
  const scale = pictureScale(images[0]!);
  if (saveSample !== undefined)
    await writeNpy(saveSample, { shape: sampleShape, data: sample });
  if (out !== undefined)
    await writePng(out, sheet(images, full?.images, scale), { scale });
  return { picture: out, sample: saveSample, scale };
}

/**
 * How often a picture's pixels are repeated in both directions, so that it is at least 256 pixels high.
 * @returns an integer of at least 1
 */
export function pictureScale({ height }: Picture): number {
  return Math.ceil(LEAST_HEIGHT / Math.min(height, LEAST_HEIGHT));
}

/**
 * Pictures on one sheet, up to eight in a row; with two lists, each row of the first stands above that of the second.
 * @param scale what the sheet is going to be enlarged by; the gaps are narrower for it
 */
export function sheet(
  images: readonly Picture[],
  full: readonly Picture[] | undefined,
  scale: number,
): Picture {
  const gap = scale > 2 ? 1 : 4;
  if (!full)
    return grid(
      intoRows(images, images.length > COLUMNS ? COLUMNS : undefined),
      { gap },
    );
  const columns = Math.min(COLUMNS, images.length);
  const below = intoRows(images, columns);
  return grid(
    intoRows(full, columns).flatMap((row, i) => [row, below[i]!]),
    { gap },
  );
}

function similarities({ generated, full }: Drawn): number[] | undefined {
  return full?.images.map((image, i) => ssim(image, generated.images[i]!));
}

function summary(
  model: string,
  options: GenerateArguments,
  drawn: Drawn,
  files: Files,
): object {
  const { generated, full } = drawn;
  const { images, sampleShape, report } = generated;
  const similarity = similarities(drawn);
  return {
    model,
    ...(options.prompt !== undefined && { prompt: options.prompt }),
    seeds: images.map((_, i) => options.seed + i),
    width: images[0]!.width,
    height: images[0]!.height,
    sampleShape,
    files: {
      ...(files.picture !== undefined && {
        picture: files.picture,
        scale: files.scale,
      }),
      ...(files.sample !== undefined && { sample: files.sample }),
    },
    report,
    ...(full && {
      full: full.report,
      ssim: similarity,
      meanSsim: mean(similarity!),
    }),
  };
}

function describe(drawn: Drawn, files: Files, { stdout }: CommandIo): string {
  const { generated, full } = drawn;
  const { report, images } = generated;
  const { scheduler, numInferenceSteps, guidanceScale, seed, device, threads } =
    report;
  const seeds =
    images.length === 1
      ? `seed ${seed}`
      : `seeds ${seed} to ${seed + images.length - 1}`;
  const lines = [
    `${scheduler}, ${numInferenceSteps} steps, guidance ${guidanceScale}, ${seeds}; ${device}, ${threads} ${threads === 1 ? "thread" : "threads"}`,
  ];
  if (full) {
    const similarity = mean(similarities(drawn)!).toFixed(3);
    const row = (name: string, { report: of }: Generated, likeness: string) => [
      name,
      formatTime(unetMilliseconds(of)),
      formatCount(of.macs),
      likeness,
    ];
    const time = 1 - unetMilliseconds(report) / unetMilliseconds(full.report);
    const columns = [
      { title: "" },
      ...["time", "MACs", "SSIM"].map((title) => ({
        title,
        align: "right" as const,
      })),
    ];
    const rows = [
      row("full", full, ""),
      row(report.plan, generated, similarity),
    ];
    const footer = [
      ["saved", formatShare(time), formatShare(report.macsSaved), ""],
    ];
    lines.push(
      "",
      formatTable(columns, rows, { footer, stream: stdout }).trimEnd(),
      "",
    );
  } else {
    const saved =
      report.plan === "none"
        ? ""
        : `, ${formatShare(report.macsSaved)} saved by ${report.plan}`;
    lines.push(
      `${formatTime(unetMilliseconds(report))} in the Unet, ${formatCount(report.macs)} MACs${saved}`,
    );
  }
  const { width, height } = images[0]!;
  const pixels = `${width} × ${height} pixels${files.scale > 1 ? `, each shown as ${files.scale} × ${files.scale}` : ""}`;
  const above = full ? "; full above skipped" : "";
  if (files.picture !== undefined)
    lines.push(`${files.picture}: ${pixels}${above}`);
  if (files.sample !== undefined)
    lines.push(`${files.sample}: [${generated.sampleShape.join(", ")}]`);
  return `${lines.join("\n")}\n`;
}
