// What `generate` drew, said in text or as data.

import { mean, ssim } from "@phaseskip/metrics";
import type { Generated, MeasuredKeep } from "@phaseskip/runtime";
import type { CommandIo } from "../command-io.js";
import { formatCount, formatShare, formatTime } from "./format-count.js";
import { formatTable } from "./table.js";
import { unetMilliseconds } from "./unet-time.js";

/** What was drawn. */
export interface Drawn {
  readonly generated: Generated;
  /** The whole model's, if it was asked for. */
  readonly full: Generated | undefined;
}

/** Where it was written to. */
export interface DrawnFiles {
  /** Path of the PNG. */
  readonly picture: string | undefined;
  /** Path of the NPY. */
  readonly sample: string | undefined;
  /** How often each pixel is repeated in both directions. */
  readonly scale: number;
}

function similarities({ generated, full }: Drawn): number[] | undefined {
  return full?.images.map((image, i) => ssim(image, generated.images[i]!));
}

/** What was drawn, as one object for `--json`. */
export function summarizeDrawn(
  model: string,
  options: {
    readonly prompt: string | readonly string[] | undefined;
    readonly seed: number;
  },
  drawn: Drawn,
  files: DrawnFiles,
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

/** What the pipeline cost, where there is more than the Unet. */
function wholePipeline({ macs, pipelineMacs }: Generated["report"]): string[] {
  const { total } = pipelineMacs;
  return total === macs
    ? []
    : [`${formatCount(total)} MACs in the whole pipeline`];
}

/** What the plan was measured to keep. */
function keeps({ ssim, interval, pairs, isOfThisRun }: MeasuredKeep): string {
  const range = interval
    ? ` [${interval.map((bound) => bound.toFixed(3)).join(", ")}]`
    : "";
  const where = isOfThisRun ? "" : ", with another sampler, steps or guidance";
  return `measured to keep SSIM ${ssim.toFixed(3)}${range} to the whole model, on ${pairs} pairs${where}`;
}

/** What was drawn, for people. */
export function describeDrawn(
  drawn: Drawn,
  files: DrawnFiles,
  { stdout }: CommandIo,
): string {
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
      ...wholePipeline(report),
    );
  }
  if (report.measured) lines.push(keeps(report.measured));
  const { width, height } = images[0]!;
  const pixels = `${width} × ${height} pixels${files.scale > 1 ? `, each shown as ${files.scale} × ${files.scale}` : ""}`;
  const above = full ? "; full above skipped" : "";
  if (files.picture !== undefined)
    lines.push(`${files.picture}: ${pixels}${above}`);
  if (files.sample !== undefined)
    lines.push(`${files.sample}: [${generated.sampleShape.join(", ")}]`);
  return `${lines.join("\n")}\n`;
}
