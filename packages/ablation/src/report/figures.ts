// The smaller figures: the sampler's gain, what effects cost, and skip connections along the U.

import * as Plot from "@observablehq/plot";
import { describeCell, figureWidth, stepsOf } from "./heatmap.js";
import type { CellSummary } from "./cell-summary.js";
import type { ActionSummary, ReportData } from "./report-data.js";

const svg = "http://www.w3.org/2000/svg";

/** Curves lie under the maps, as wide as their cells. */
const curveFrame = {
  width: figureWidth,
  height: 150,
  marginLeft: 210,
  style: { background: "none", color: "currentColor" },
} as const;

/** What a random change of the Unet's output does to the final sample, by bin: the sampler's doing, no unit's. */
export function gainCurve(data: ReportData, document: Document): Element {
  return Plot.plot({
    document,
    ...curveFrame,
    x: {
      type: "point",
      domain: data.bins.map((_, bin) => bin),
      label: "steps",
      tickFormat: (bin: number) => stepsOf(data, bin),
    },
    y: {
      type: "log",
      label: "gain",
      ...{ grid: true, ticks: 4, tickFormat: plainly },
    },
    marks: [
      Plot.lineY(data.gain, { x: "bin", y: "gain", strokeWidth: 2 }),
      Plot.dot(data.gain, { x: "bin", y: "gain", fill: "currentColor", r: 3 }),
    ],
  });
}

/** How many full runs have their composition at each step. */
export function emergenceCurve(data: ReportData, document: Document): Element {
  const { shares, onset } = data.emergence!;
  return Plot.plot({
    document,
    ...curveFrame,
    x: { label: "step →" },
    y: {
      label: "share of runs",
      domain: [0, 1],
      ...{ grid: true, ticks: 4, tickFormat: "%" },
    },
    marks: [
      Plot.ruleX(onset ? [onset.step] : [], { strokeDasharray: "4 3" }),
      Plot.lineY(shares, {
        x: (_, step) => step,
        y: Plot.identity,
        strokeWidth: 2,
      }),
    ],
  });
}

/** Cells that save less of the run get no point: ratios of small numbers mislead. */
export const leastSaved = 0.005;

/** Effect against saved cost: what to skip lies to the lower right. */
export function effectPerCost(data: ReportData, document: Document): Element {
  const cells = data.actions
    .flatMap((action) => action.cells)
    .filter(({ saved }) => saved >= leastSaved);
  const best = front(cells);
  const names = data.actions.map(({ name }) => name);
  const most = Math.max(...cells.map(({ saved }) => saved), leastSaved);
  // a label is some 190 pixels wide: those that would lie on another one are left to the titles
  const named = spaced(best, (190 / figureWidth) * most);
  const plot = Plot.plot({
    document,
    width: figureWidth,
    height: 340,
    marginLeft: 60,
    style: { background: "none", color: "currentColor" },
    x: {
      label: "share of the run’s multiply-accumulates saved →",
      tickFormat: "%",
      grid: true,
    },
    y: {
      type: "log",
      label: "↑ 1 − SSIM of the final picture",
      ...{ grid: true, ticks: 6, tickFormat: plainly },
    },
    color: { legend: false, domain: names, scheme: "Observable10" },
    marks: [
      Plot.lineY(best, {
        x: "saved",
        y: (cell: CellSummary) => Math.max(cell.loss.value, 1e-6),
        curve: "step-after",
        strokeDasharray: "4 3",
      }),
      Plot.dot(cells, {
        x: "saved",
        y: (cell: CellSummary) => Math.max(cell.loss.value, 1e-6),
        fill: "action",
        r: 3.5,
        title: (cell: CellSummary) => describeCell(cell),
        ariaLabel: (cell: CellSummary) => cell.cell,
      }),
      Plot.text(named, {
        x: "saved",
        y: (cell: CellSummary) => Math.max(cell.loss.value, 1e-6),
        text: (cell: CellSummary) => `${cell.unit} ${stepsOf(data, cell.bin)}`,
        dy: -8,
        fontSize: 9,
        textAnchor: "end",
      }),
    ],
  });
  const colour = plot.scale("color");
  const add = (
    name: string,
    attributes: Readonly<Record<string, string | number>>,
    text = "",
  ) => {
    const mark = document.createElementNS(svg, name);
    for (const [key, value] of Object.entries(attributes))
      mark.setAttribute(key, String(value));
    mark.textContent = text;
    plot.append(mark);
  };
  const used = names.filter((name) =>
    cells.some((cell) => cell.action === name),
  );
  let x = 240;
  for (const name of used) {
    add("circle", {
      ...{ cx: x, cy: 9, r: 4 },
      fill: String(colour?.apply(name)),
    });
    const label = name === "zeroResidual" ? "removal" : name;
    add(
      "text",
      { x: x + 8, y: 12.5, fill: "currentColor", "text-anchor": "start" },
      label,
    );
    x += 32 + 6.5 * label.length;
  }
  return plot;
}

/** From the right, each at least so far from the one before. */
function spaced(cells: readonly CellSummary[], gap: number): CellSummary[] {
  const kept: CellSummary[] = [];
  for (const cell of [...cells].reverse()) {
    const last = kept.at(-1);
    if (!last || last.saved - cell.saved >= gap) kept.push(cell);
  }
  return kept;
}

/** A number of a logarithmic axis, without prefixes such as µ. */
function plainly(value: number): string {
  const power = Math.log10(value);
  if (Math.abs(power - Math.round(power)) > 1e-6) return "";
  return value < 0.001 ? value.toExponential(0) : String(value);
}

/** Cells that no other one beats in both effect and saving, by saving. */
function front(cells: readonly CellSummary[]): CellSummary[] {
  const sorted = [...cells].sort(
    (a, b) => b.saved - a.saved || a.loss.value - b.loss.value,
  );
  let least = Infinity;
  return sorted
    .filter(({ loss }) => {
      const isBest = loss.value < least;
      least = Math.min(least, loss.value);
      return isBest;
    })
    .reverse();
}

/** The Unet as a U: blocks on both arms, a line for each skip, as strong as its removal is felt in any bin. */
export function skipsAlongU(
  data: ReportData,
  { cells }: ActionSummary,
  document: Document,
): Element | undefined {
  const skips = data.units.filter(
    ({ unit, kind }) =>
      kind === "skip" && cells.some((cell) => cell.unit === unit),
  );
  if (skips.length === 0) return undefined;
  const effectOf = (unit: string) =>
    Math.max(
      0,
      ...cells
        .filter((cell) => cell.unit === unit)
        .map(({ loss }) => loss.value),
    );
  const effects = skips.map(({ unit }) => effectOf(unit));
  const most = Math.max(...effects, 1e-6);
  const [rowHeight, height] = [34, 34 * skips.length + 60];
  const make = (
    name: string,
    attributes: Readonly<Record<string, string | number>>,
    text?: string,
  ) => {
    const element = document.createElementNS(svg, name);
    for (const [key, value] of Object.entries(attributes))
      element.setAttribute(key, String(value));
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const figure = make("svg", {
    viewBox: `0 0 ${figureWidth} ${height}`,
    width: figureWidth,
    height,
    role: "img",
    "font-family": "system-ui, sans-serif",
    "font-size": 10,
    fill: "currentColor",
  });
  // the outermost skip joins last: it is on top
  const ordered = [...skips]
    .map((skip, i) => ({ ...skip, effect: effects[i]! }))
    .reverse();
  ordered.forEach(({ unit, source, effect }, i) => {
    const y = 22 + i * rowHeight;
    const inset = (i / Math.max(1, ordered.length - 1)) * 60;
    const [left, right] = [230 + inset, figureWidth - 230 - inset];
    const strength = Math.sqrt(effect / most);
    figure.append(
      make("line", {
        ...{ x1: left, x2: right, y1: y, y2: y, stroke: "#d9572b" },
        ...{
          "stroke-width": 1 + 9 * strength,
          "stroke-opacity": 0.25 + 0.75 * strength,
        },
      }),
      make(
        "text",
        { x: left - 8, y: y + 3, "text-anchor": "end" },
        source ?? "",
      ),
      make("text", { x: right + 8, y: y + 3 }, unit.replace(/\.skip$/, "")),
      make(
        "text",
        {
          x: (left + right) / 2,
          y: y - 8,
          "text-anchor": "middle",
          opacity: 0.75,
        },
        effect.toFixed(4),
      ),
    );
  });
  const [bottom, middle] = [22 + ordered.length * rowHeight, figureWidth / 2];
  figure.append(
    make("path", {
      d: `M 230 22 L 290 ${bottom - rowHeight} Q 300 ${bottom + 18} ${middle} ${bottom + 18} T ${figureWidth - 290} ${bottom - rowHeight} L ${figureWidth - 230} 22`,
      ...{ fill: "none", stroke: "currentColor", "stroke-opacity": 0.4 },
    }),
    make(
      "text",
      { x: middle, y: bottom + 12, "text-anchor": "middle" },
      "mid_block",
    ),
  );
  return figure;
}
