// npm run demo: pictures from text with the whole Unet and under the model's plan "balanced", on the same
// seeds, through the runtime that a page uses: a worker behind Comlink, ONNX Runtime's WebAssembly.
// Each picture is drawn twice at once, a step of the one and a step of the other in turn, so that both meet
// the same machine. Another plan: npm run demo -- quality, or the path of a plan file. The numbers lie beside the
// picture, in out/demo.json, of which `npm run pictures` draws the README's.
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import {
  formatCount,
  formatShare,
  formatTable,
  formatTime,
  openPipeline,
  pictureScale,
  progress,
  sheet,
  unetMilliseconds,
  writePng,
} from "@phaseskip/cli";
import { ssim } from "@phaseskip/metrics";

const PROMPTS = [
  "a house with a red roof on snow",
  "a red boat on the sea at sunset",
  "a castle on grass with a rainbow",
  "a palm tree on sand at dawn",
  "a snowman with a blue scarf",
  "a pine tree at night with stars",
  "a ship on the sea with clouds",
  "a cactus on sand at sunset",
];
/** Few enough for two slow cores; a plan that asks for more gets them. */
const STEPS = 30;
const WARM_UP_STEPS = 5;

const path = (url) => fileURLToPath(new URL(url, import.meta.url));
const model = path("../../models/scenes");
const picture = path("../../out/demo.png");
const numbers = path("../../out/demo.json");
const [chosen = "balanced"] = process.argv.slice(2);
const isFile = chosen.endsWith(".json");
const file = isFile ? chosen : `${model}/plans/${chosen}.json`;

/** Draws one picture whole and under the plan, in turn; `onStep` may say that it is enough. */
async function drawBoth([full, skipped], request, plan, onStep) {
  const runs = [
    full.denoise({ ...request, plan: "none" }),
    skipped.denoise({ ...request, plan }),
  ];
  try {
    for (;;) {
      const pulled = [];
      for (const run of runs) pulled.push(await run.next());
      if (pulled.every(({ done }) => done))
        return pulled.map(({ value }) => value);
      if (onStep(pulled[0].value) === "enough") return [];
    }
  } finally {
    await Promise.all(runs.map((run) => run.return()));
  }
}

async function main() {
  const started = performance.now();
  const bar = progress();
  const planFile = JSON.parse(readFileSync(file, "utf8"));
  const plan = isFile ? planFile : chosen;
  const name = planFile.name ?? chosen;
  const [fewest = 1, most = Infinity] = planFile.valid?.numInferenceSteps ?? [];
  const numInferenceSteps =
    planFile.steps?.numInferenceSteps ??
    Math.min(most, Math.max(fewest, STEPS));

  const open = () => openPipeline(model, { progress: bar });
  const pipelines = await Promise.all([open(), open()]);
  const drawn = [];
  try {
    const request = (i) => ({ prompt: PROMPTS[i], seed: i, numInferenceSteps });
    // the first calls of a session are slow: neither side shall pay for that
    await drawBoth(pipelines, request(0), plan, ({ stepIndex }) => {
      bar.show("warming up", stepIndex + 1, WARM_UP_STEPS);
      return stepIndex + 1 < WARM_UP_STEPS ? "more" : "enough";
    });
    for (const i of PROMPTS.keys()) {
      const onStep = ({ stepIndex, stepCount }) => {
        const done = i * stepCount + stepIndex + 1;
        const note = `picture ${i + 1} of ${PROMPTS.length}`;
        bar.show("drawing", done, PROMPTS.length * stepCount, note);
      };
      drawn.push(await drawBoth(pipelines, request(i), plan, onStep));
    }
  } finally {
    bar.clear();
    for (const pipeline of pipelines) pipeline.dispose();
  }

  const sum = (values) => values.reduce((total, value) => total + value, 0);
  const both = [0, 1];
  const reports = both.map((side) => drawn.map((pair) => pair[side].report));
  const times = reports.map((list) => list.map(unetMilliseconds));
  const macs = reports.map((list) => list.map((report) => report.macs));
  const images = both.map((side) => drawn.map((pair) => pair[side].images[0]));
  const likeness = images[0].map((image, i) => ssim(image, images[1][i]));
  const cells = (of, format) => both.map((side) => format(of(side)));
  const rows = PROMPTS.map((prompt, i) => [
    prompt,
    ...cells((side) => times[side][i], formatTime),
    ...cells((side) => macs[side][i], formatCount),
    likeness[i].toFixed(3),
  ]);
  const saved = ([whole, part]) => formatShare(1 - sum(part) / sum(whole));
  const footer = [
    [
      "all; SSIM: the mean",
      ...cells((side) => sum(times[side]), formatTime),
      ...cells((side) => sum(macs[side]), formatCount),
      (sum(likeness) / likeness.length).toFixed(3),
    ],
    ["saved", "", saved(times), "", saved(macs), ""],
  ];
  const titles = ["time", name, "MACs", name, "SSIM"];
  const columns = [
    { title: "prompt" },
    ...titles.map((title) => ({
      title: title.length > 10 ? `${title.slice(0, 9)}…` : title,
      align: "right",
    })),
  ];
  const { scheduler, guidanceScale, device, threads } = reports[1][0];
  console.log(
    `Time in the Unet and MACs, first of the whole Unet, then under the plan ${name};\n` +
      `${scheduler}, ${numInferenceSteps} steps, guidance ${guidanceScale};\n` +
      `${device}, ${threads} ${threads === 1 ? "thread" : "threads"}, ${cpus()[0]?.model.trim() ?? "unknown processor"}\n`,
  );
  console.log(formatTable(columns, rows, { footer }));

  const summary = () => ({
    ...{ plan: name, scheduler, numInferenceSteps, guidanceScale },
    ...{ device, threads, processor: cpus()[0]?.model.trim() },
    pictures: PROMPTS.map((prompt, i) => ({
      ...{ prompt, seed: i, ssim: likeness[i] },
      milliseconds: both.map((side) => times[side][i]),
      macs: both.map((side) => macs[side][i]),
    })),
  });
  const scale = pictureScale(images[0][0]);
  await writePng(picture, sheet(images[1], images[0], scale), { scale });
  writeFileSync(numbers, `${JSON.stringify(summary(), undefined, 2)}\n`);
  console.log(
    `${relative(process.cwd(), picture)}: full above ${name}, in the table's order; ${formatTime(performance.now() - started)} in all`,
  );
}

try {
  await main();
} catch (error) {
  process.stderr.write(`demo: ${error.message}\n`);
  process.exitCode = 1;
}
