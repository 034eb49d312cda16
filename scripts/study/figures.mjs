// Figures of the study, as PNG:
//   RUN scripts/study/figures.mjs front OUT.png GUIDANCE AGAINST.json…
//                                                               what is lost at which cost: found plans and all rivals;
//                                                               GUIDANCE: the table to draw, fixed or free
//   RUN scripts/study/figures.mjs joint SEARCH.jsonl OUT.png       predicted beside measured loss of what a search verified
//   RUN scripts/study/figures.mjs pairs DRAWN NAME OUT.png         sixteen pairs that nobody picked, from draw.mjs
//   RUN scripts/study/figures.mjs table DRAWN [SEEDS]              cost and SSIM of every set of pictures there, of so
//                                                               many seeds a prompt, in a row (1); to the converged
//                                                               path, too, where the sets converged (1,000 steps) and
//                                                               half-converged (500) are among them
//   RUN scripts/study/figures.mjs onset ONSET.json OUT.png         when content is decided, by models/content_onset.py
// with RUN = node --conditions=@phaseskip/source --import=./scripts/source-hooks.mjs. AGAINST.json is what
// `phaseskip plan --against --json` prints; figure 2, the maps, is `phaseskip report`.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { summarise } from "@phaseskip/ablation";
import { mean, ssim } from "@phaseskip/metrics";
import { grid, upscale } from "../../packages/cli/src/pictures/picture-grid.ts";
import { encodePng } from "../../packages/cli/src/pictures/png.ts";
import { svgToPng } from "../../packages/cli/src/pictures/svg-png.ts";

const { document } = parseHTML("<!doctype html><html><body></body></html>");
const least = 1e-4;
const decades = {
  ticks: [1e-4, 1e-3, 1e-2, 1e-1, 1],
  tickFormat: (value) => String(value),
};
const lossAxis = {
  ...decades,
  type: "log",
  label: "↑ 1 − SSIM to the full model",
  grid: true,
};
const costAxis = {
  label: "share of the full model’s multiply-accumulates →",
  tickFormat: "%",
  grid: true,
};

const foundPlan = "found plan";

/** Points with places for their names, in order of their loss, none nearer to another than a line's height. */
function spread(points) {
  const factor = 1.16;
  let last = 0;
  return points.map((point) => {
    last = Math.max(point.loss, last * factor);
    return { ...point, place: last };
  });
}

/** Writes a plot, with a title above and a note below. */
async function write(file, title, note, options) {
  const plot = Plot.plot({
    document,
    width: 760,
    height: 420,
    marginLeft: 60,
    marginRight: 110,
    style: { background: "none", color: "#111" },
    ...options,
  });
  const height = Number(plot.getAttribute("height"));
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="780" height="${height + 70}" font-family="Inter" font-size="10" fill="#111"><rect width="100%" height="100%" fill="#fff"/><text x="10" y="22" font-size="14" font-weight="600">${title}</text><g transform="translate(10 36)">${plot.outerHTML}</g><text x="10" y="${height + 58}">${note}</text></svg>`;
  writeFileSync(file, await svgToPng(svg));
}

/** A list in parts of so many. */
const chunked = (list, size) =>
  Array.from({ length: Math.ceil(list.length / size) }, (_, i) =>
    list.slice(i * size, (i + 1) * size),
  );

const drawings = {
  async front(file, guidance, ...sources) {
    const isOwn = (one) => one.guidance === guidance;
    const results = sources.map((source) => {
      const { plans, against } = JSON.parse(readFileSync(source, "utf8"));
      return { plans: plans.filter(isOwn), against: against.filter(isOwn) };
    });
    const bounds = ({ mean, interval }) => ({
      loss: Math.max(least, 1 - mean),
      lower: Math.max(least, 1 - (interval?.[1] ?? mean)),
      upper: Math.max(least, 1 - (interval?.[0] ?? mean)),
    });
    const points = results.flatMap(({ plans, against }) => [
      ...plans.map(({ calibration: { cost, test } }) => ({
        name: foundPlan,
        cost,
        ...bounds(test),
      })),
      ...against.flatMap(({ comparisons }) =>
        comparisons.map(({ rival, cost, test }) => ({
          name: rival,
          cost,
          ...bounds(test),
        })),
      ),
    ]);
    const { test, sampler } = results[0].plans[0].calibration;
    const isFound = ({ name }) => name === foundPlan;
    // names beside the dearest point of each, one below the other
    const named = [...new Set(points.map(({ name }) => name))]
      .map((name) =>
        points
          .filter((point) => point.name === name)
          .reduce((best, one) => (one.cost > best.cost ? one : best)),
      )
      .sort((a, b) => a.loss - b.loss);
    await write(
      file,
      `What is lost at which cost, guidance ${guidance}`,
      `${sampler.scheduler}, ${sampler.numInferenceSteps} steps, guidance ${sampler.guidanceScale}; ${test.pairs} pairs of ${test.prompts} prompts that no search saw; bars: 95 %; below and left is better`,
      {
        x: { ...costAxis, inset: 12 },
        y: lossAxis,
        color: {
          scheme: "Observable10",
          domain: [foundPlan, ...named.map(({ name }) => name)],
        },
        marks: [
          Plot.line(points, {
            x: "cost",
            y: "loss",
            z: "name",
            stroke: "name",
            sort: "cost",
            strokeWidth: (point) => (isFound(point) ? 2.5 : 1),
          }),
          Plot.ruleX(points, {
            x: "cost",
            y1: "lower",
            y2: "upper",
            stroke: "name",
            strokeOpacity: 0.6,
          }),
          Plot.dot(points, {
            x: "cost",
            y: "loss",
            fill: "name",
            r: (point) => (isFound(point) ? 5 : 3),
          }),
          ...[true, false].map((isBold) =>
            Plot.text(spread(named), {
              filter: (point) => isFound(point) === isBold,
              x: "cost",
              y: "place",
              text: "name",
              fill: "name",
              dx: 10,
              textAnchor: "start",
              fontWeight: isBold ? 700 : 400,
            }),
          ),
        ],
      },
    );
  },

  async joint(source, file) {
    const verified = readFileSync(source, "utf8")
      .split("\n")
      .filter((line) => line.startsWith('{"verified"'))
      .map((line) => JSON.parse(line).verified)
      // of steps and guidance alone the sweep says nothing
      .filter(({ predictedLoss }) => predictedLoss > 0)
      .map(({ predictedLoss, measuredLoss, cost }) => ({
        predicted: Math.max(least, predictedLoss),
        measured: Math.max(least, measuredLoss),
        cost,
      }));
    const ends = [least, 1];
    await write(
      file,
      "Predicted and measured joint loss",
      `${verified.length} candidates with skipped units that the search ran, each once, on its pairs; on the line, effects would simply add; above it they reinforce each other`,
      {
        x: {
          ...decades,
          type: "log",
          domain: ends,
          label: "predicted: the sum of what each change loses alone →",
          grid: true,
        },
        y: {
          ...decades,
          type: "log",
          domain: ends,
          label: "↑ measured: 1 − SSIM of running them together",
          grid: true,
        },
        color: { scheme: "viridis", legend: false },
        marks: [
          Plot.line(
            ends.map((x) => [x, x]),
            { strokeDasharray: "4 3" },
          ),
          Plot.dot(verified, {
            x: "predicted",
            y: "measured",
            fill: "cost",
            r: 3.5,
          }),
        ],
      },
    );
  },

  async table(folder, seeds = "1") {
    const files = readdirSync(folder).filter((file) => file.endsWith(".rgb"));
    const sets = files.map((file) => {
      const name = file.replace(".rgb", "");
      const about = readFileSync(join(folder, `${name}.json`), "utf8");
      return { name, pictures: read(folder, name), ...JSON.parse(about) };
    });
    const full = sets.find(({ name }) => name === "none");
    if (!full)
      fail(
        `Cannot compare the pictures of ${folder} as the full model's must be among them: draw none=none with draw.mjs`,
      );
    const end = sets.find(({ name }) => name === "converged");
    const half = sets.find(({ name }) => name === "half-converged");
    // pairs on which half as many steps come to the same end
    const there = half?.pictures.flatMap((one, i) =>
      ssim(one, end.pictures[i]) >= 0.99 ? [i] : [],
    );
    const rows = sets
      .filter(({ name }) => !name.endsWith("converged"))
      .map(({ name, steps, macs, pictures }) => {
        const toFull = pictures.map((one, i) => ssim(one, full.pictures[i]));
        const toEnd = there?.map((i) => ssim(pictures[i], end.pictures[i]));
        return {
          name,
          steps,
          pairs: pictures.length,
          cost: macs / full.macs,
          ...summarise(chunked(toFull, Number(seeds))),
          ...(toEnd && { toConverged: mean(toEnd) }),
        };
      });
    const shown = ({ interval, ...row }) => ({
      ...row,
      interval: interval?.map((end) => Number(end.toFixed(5))).join(" to "),
    });
    console.table(rows.sort((a, b) => b.cost - a.cost).map(shown));
    if (there)
      console.log(
        `toConverged is of ${there.length} in ${half.pictures.length} pairs, on which both numbers of steps agree to SSIM 0.99`,
      );
  },

  async onset(source, file) {
    const found = JSON.parse(readFileSync(source, "utf8"));
    const sorts = Object.entries(found.content);
    const points = sorts.flatMap(([sort, { share }]) =>
      share.map((value, step) => ({ sort, step, value })),
    );
    const stepOf = ({ at }) => at?.step ?? found.steps;
    const onsets = sorts
      .map(([sort, { onset }]) => ({ sort, ...onset }))
      .sort((a, b) => stepOf(a) - stepOf(b));
    const wanted = 0.9;
    await write(
      file,
      "When content is decided",
      `Share of ${found.runs} runs in which the judge reads the same off the predicted clean sample as off the final picture; ${found.scheduler}, ${found.steps} steps`,
      {
        x: { label: "step →", domain: [0, found.steps - 1] },
        y: { label: "↑ runs that agree", tickFormat: "%", grid: true },
        color: {
          type: "ordinal",
          scheme: "turbo",
          domain: onsets.map(({ sort }) => sort),
        },
        marks: [
          Plot.ruleY([wanted], { strokeDasharray: "4 3" }),
          Plot.line(points, { x: "step", y: "value", stroke: "sort" }),
          Plot.text(
            onsets.map(({ sort, at }, place) => ({
              text: at ? `${sort}: step ${at.step}` : `${sort}: never`,
              sort,
              y: wanted - 0.055 * place,
            })),
            {
              x: found.steps - 1,
              y: "y",
              dx: 10,
              text: "text",
              fill: "sort",
              textAnchor: "start",
            },
          ),
        ],
      },
    );
  },

  async pairs(folder, name, file) {
    const [full, skipped] = [read(folder, "none"), read(folder, name)];
    const ranked = skipped
      .map((picture, i) => ({ full: full[i], picture }))
      .map((pair) => ({ ...pair, ssim: ssim(pair.picture, pair.full) }))
      .sort((a, b) => a.ssim - b.ssim);
    // evenly over the ranking, so that the worst tenth has its share
    const shown = Array.from(
      { length: 16 },
      (_, i) => ranked[Math.round((i * (ranked.length - 1)) / 15)],
    );
    const rows = [0, 8].flatMap((from) =>
      ["full", "picture"].map((which) =>
        shown.slice(from, from + 8).map((pair) => upscale(pair[which], 3)),
      ),
    );
    writeFileSync(file, encodePng(grid(rows, { gap: 4 })));
    console.log(shown.map((pair) => pair.ssim.toFixed(3)).join(" "));
  },
};

/** Ends the program with one line. */
function fail(reason) {
  console.error(reason);
  process.exit(2);
}

/** The pictures of a set. */
function read(folder, name) {
  const about = readFileSync(join(folder, `${name}.json`), "utf8");
  const { width = 32, height = 32 } = JSON.parse(about);
  const bytes = readFileSync(join(folder, `${name}.rgb`));
  const size = 3 * width * height;
  return Array.from({ length: bytes.length / size }, (_, k) => {
    const data = new Uint8ClampedArray(4 * width * height).fill(255);
    const rgb = bytes.subarray(k * size, (k + 1) * size);
    for (let i = 0; i < width * height; i++)
      data.set(rgb.subarray(3 * i, 3 * i + 3), 4 * i);
    return { data, width, height };
  });
}

const [what, ...files] = process.argv.slice(2);
if (!(what in drawings)) {
  fail(
    `Cannot draw as the figure must be ${Object.keys(drawings).join(", ")}: current value is ${what}`,
  );
}
await drawings[what](...files);
