// npm run pictures: the README's and the site's figures, from what the project's own commands say. The pictures and their
// times are those of `npm run demo`, which must have run; the strip is that of `phaseskip inspect --plan balanced`.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { svgToPng } from "../../packages/cli/dist/pictures/svg-png.js";
import { inspectPlan } from "../inspect-plan.mjs";
import { compareFigure } from "./compare-figure.mjs";
import { stripFigure } from "./strip-figure.mjs";

const to = "docs/public/pictures";
const demo = "out/demo";

/** Pixels of a PNG of two rows of `count` squares each, and of the gap between them. */
function sheetSize(png, count) {
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  return { width, height, gap: (2 * width - count * height) / (count - 2) };
}

if (!existsSync(`${demo}.json`)) {
  console.error(`pictures: ${demo}.json is missing: run npm run demo first`);
  process.exit(1);
}
mkdirSync(to, { recursive: true });
const bytes = readFileSync(`${demo}.png`);
const numbers = JSON.parse(readFileSync(`${demo}.json`, "utf8"));
const sheet = { bytes, ...sheetSize(bytes, numbers.pictures.length) };
const strip = await inspectPlan("models/scenes", numbers.plan);
for (const theme of ["light", "dark"]) {
  const figure = compareFigure(numbers, sheet, theme);
  writeFileSync(`${to}/drawn-${theme}.png`, await svgToPng(figure));
  writeFileSync(`${to}/strip-${theme}.svg`, stripFigure(strip, theme));
}
