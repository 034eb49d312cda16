// The shipped plans as pages show them: a strip of each, and what it left out and lost by its own calibration.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { inspectPlan } from "../inspect-plan.mjs";
import { stripFigure } from "../pictures/strip-figure.mjs";

const percent = (share) => `${Math.round(100 * share)} %`;
const three = (value) => value.toFixed(3);

/** Writes docs/generated/strips.md, docs/generated/gallery.md, and their strips into docs/public/generated. */
export async function writeGallery(model) {
  mkdirSync("docs/public/generated", { recursive: true });
  const names = readdirSync(`${model}/plans`).map((file) =>
    file.replace(/\.json$/, ""),
  );
  const byCost = names
    .map((name) => ({ name, plan: readPlan(model, name) }))
    .sort((a, b) => b.plan.calibration.cost - a.plan.calibration.cost);
  const strips = [];
  const cards = [];
  for (const { name, plan } of byCost) {
    const inspected = await inspectPlan(model, name);
    for (const theme of ["light", "dark"]) {
      const file = `docs/public/generated/strip-${name}-${theme}.svg`;
      writeFileSync(file, stripFigure(inspected, theme));
    }
    strips.push(`### ${name}\n\n${plan.description}\n\n${figure(name)}\n`);
    cards.push(`## ${name}\n\n${card(name, plan)}\n\n${figure(name)}\n`);
  }
  writeFileSync("docs/generated/strips.md", strips.join("\n"));
  writeFileSync("docs/generated/gallery.md", cards.join("\n"));
}

function readPlan(model, name) {
  return JSON.parse(readFileSync(`${model}/plans/${name}.json`, "utf8"));
}

function figure(name) {
  const image = (theme) =>
    `<img class="${theme}-only" src="/generated/strip-${name}-${theme}.svg" alt="What the plan ${name} computes at which step" />`;
  return `<figure class="themed">\n${image("light")}\n${image("dark")}\n</figure>`;
}

function card(name, { calibration, ...plan }) {
  const { cost, sampler, test, notes } = calibration;
  const link = new URLSearchParams({
    ...{
      m: "models/scenes/",
      p: "a red boat on the left on the sea at sunset",
    },
    ...{ s: "7", n: String(plan.steps?.numInferenceSteps ?? 50) },
    plan: JSON.stringify(plan, undefined, 2),
  });
  const [low, high] = test.interval.map(three);
  const rows = [
    ["of the whole Unet’s work", percent(cost)],
    [
      "SSIM to its picture, mean [95 %]",
      `${three(test.mean)} [${low}, ${high}]`,
    ],
    ["a tenth of the pictures is below", three(test.p10)],
    ["became another picture", percent(test.otherPicture)],
    ["pairs of prompt and seed", `${test.pairs}, of ${test.prompts} prompts`],
    [
      "sampler",
      `${sampler.scheduler}, ${sampler.numInferenceSteps} steps, guidance ${sampler.guidanceScale}`,
    ],
  ];
  return [
    `[Draw it on this device](/playground/#${link}){target="_self"}`,
    `| what | measured |\n| --- | --- |\n${rows.map((row) => `| ${row.join(" | ")} |`).join("\n")}`,
    ...(notes ?? []).map((note) => `_${note}._`),
  ].join("\n\n");
}
