// npm run bench:dtypes FOLDER [RUNS] [STEPS]: a model's Unet in each dtype that the folder has a file of, beside float32: how long a
// call takes, in runs taken in turn on one thread, and how much of float32's picture is left. Prints a table.
// models/quantised.py writes such folders.

import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { bootstrapMedianRatio, mean, median, ssim } from "@phaseskip/metrics";
import type { Dtype, Pipeline } from "@phaseskip/runtime";
import { openPipeline } from "../../packages/cli/src/node-pipeline.js";
import { formatTable } from "../../packages/cli/src/terminal/table.js";

const prompts = [
  "a red boat at sunset",
  "a house with a blue roof in the snow at night",
  "a yellow flower on grass at dawn",
];

const [folder, runs = "6", steps = "20"] = process.argv.slice(2);
if (folder === undefined)
  throw new TypeError("Usage: npm run bench:dtypes FOLDER [RUNS] [STEPS]");

const files = (await readdir(join(folder, "unet"))).flatMap(
  (file) => /^model_(\w+)\.onnx$/.exec(file)?.[1] ?? [],
);
const dtypes = ["fp32", ...files.sort()] as Dtype[];
const pipelines: Pipeline[] = [];
for (const dtype of dtypes)
  pipelines.push(await openPipeline(folder, { dtype, threads: 1 }));

/** By dtype: a call's time in each run, in ms, and its picture's SSIM. */
const taken = dtypes.map(() => ({
  times: [] as number[],
  ssims: [] as number[],
}));
for (let run = -1; run < Number(runs); run++) {
  const seed = Math.max(run, 0);
  const prompt = prompts[seed % prompts.length]!;
  const drawn = [];
  for (const pipeline of pipelines)
    drawn.push(
      await pipeline.generate({
        prompt,
        seed,
        scheduler: "ddim",
        // the first run of each is there to warm up
        numInferenceSteps: run < 0 ? 2 : Number(steps),
      }),
    );
  if (run < 0) continue;
  const [whole] = drawn[0]!.images;
  for (const [i, { images, report }] of drawn.entries()) {
    const calls = report.steps.flatMap(({ contexts }) => contexts);
    taken[i]!.times.push(median(calls.map(({ milliseconds }) => milliseconds)));
    taken[i]!.ssims.push(ssim(whole!, images[0]!));
  }
}
for (const pipeline of pipelines) pipeline.dispose();

const rows = await Promise.all(
  dtypes.map(async (dtype, i) => {
    const { times, ssims } = taken[i]!;
    const ratio = bootstrapMedianRatio(times, taken[0]!.times);
    const file = dtype === "fp32" ? "model.onnx" : `model_${dtype}.onnx`;
    const { size } = await stat(join(folder, "unet", file));
    return [
      dtype,
      `${(size / 1e6).toFixed(1)} MB`,
      `${median(times).toFixed(1)} ms`,
      `${ratio.value.toFixed(2)} (${ratio.lower.toFixed(2)} to ${ratio.upper.toFixed(2)})`,
      `${mean(ssims).toFixed(3)} (${Math.min(...ssims).toFixed(3)})`,
    ];
  }),
);
const columns = ["dtype", "file", "call", "÷ fp32", "SSIM (least)"].map(
  (title) => ({ title }),
);
process.stdout.write(formatTable(columns, rows, { stream: process.stdout }));
