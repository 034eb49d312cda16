// npm run bench:size FOLDER [SIDE...]: a model of real size (models/real_size.py makes such) in this runtime and in raw
// onnxruntime-web sessions of the same file, in turn, each in a process of its own on one thread. Prints a table.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { openPipeline } from "../../packages/cli/src/node-pipeline.js";
import { formatTable } from "../../packages/cli/src/terminal/table.js";
import { runRaw, type RawLevel } from "./raw-unet.js";

/** What draws: this runtime, or one session of the whole file. */
type Side = "phaseskip" | RawLevel;

/** What one process took. */
interface Taken {
  /** The process's peak, in bytes. */
  readonly peak: number;
  /** From the start until the first call of the Unet has ended, sessions included, in ms. */
  readonly first: number;
  /** The next call of the Unet, in ms. */
  readonly step: number;
  /** The peak as it was predicted, in bytes. */
  readonly predicted?: number;
}

const sides: readonly Side[] = ["phaseskip", "all", "extended"];
const [folder, ...rest] = process.argv.slice(2);
if (folder === undefined)
  throw new TypeError("Usage: npm run bench:size FOLDER [SIDE...]");

if (rest[0] === "--only") {
  const [, side, pixels] = rest as [string, Side, string];
  const taken = await (side === "phaseskip"
    ? runOurs(folder, Number(pixels))
    : runRaw(folder, Number(pixels), side));
  // in kilobytes
  const peak = process.resourceUsage().maxRSS * 1024;
  console.log(JSON.stringify({ ...taken, peak }));
  process.exit(0);
}

const rows: string[][] = [];
for (const pixels of rest.length > 0 ? rest.map(Number) : [128, 256]) {
  const ours = measureApart("phaseskip", pixels);
  for (const side of sides) {
    const taken = side === "phaseskip" ? ours : measureApart(side, pixels);
    rows.push([
      String(pixels),
      side === "phaseskip" ? side : `raw, ${side}`,
      ...(typeof taken === "string"
        ? [taken, "", "", "", ""]
        : [
            gibibytes(taken.peak),
            taken.predicted ? gibibytes(taken.predicted) : "",
            seconds(taken.first),
            seconds(taken.step),
            typeof ours === "string" ? "" : (ours.peak / taken.peak).toFixed(2),
          ]),
    ]);
  }
}
const titles = [
  "pixels",
  "",
  "peak",
  "predicted",
  "first call",
  "step",
  "ratio",
];
const columns = titles.map((title) => ({ title }));
process.stdout.write(formatTable(columns, rows, { stream: process.stdout }));

/** What a process of its own took; or in a word how it ended. */
function measureApart(side: Side, pixels: number): Taken | string {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [
      "--conditions=@phaseskip/source",
      `--import=${fileURLToPath(new URL("../../scripts/source-hooks.mjs", import.meta.url))}`,
      fileURLToPath(import.meta.url),
      folder!,
      "--only",
      side,
      String(pixels),
    ],
    { encoding: "utf8" },
  );
  if (status === 0) return JSON.parse(stdout.split("\n").at(-2)!) as Taken;
  return /bad_alloc|out of memory/.exec(stderr)?.[0] ?? "failed";
}

async function runOurs(
  location: string,
  pixels: number,
): Promise<Omit<Taken, "peak">> {
  const start = performance.now();
  const pipeline = await openPipeline(location, { threads: 1 });
  const request = {
    prompt: "a red boat",
    seed: 0,
    height: pixels,
    width: pixels,
    numInferenceSteps: 2,
    guidanceScale: 1,
  };
  const { memory } = await pipeline.describe("none", request);
  const ends: number[] = [];
  for await (const step of pipeline.denoise(request)) {
    void step;
    ends.push(performance.now());
  }
  const [first = NaN, second = NaN] = ends;
  return {
    first: first - start,
    step: second - first,
    ...(memory && { predicted: memory.peak }),
  };
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(2)} GiB`;
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
