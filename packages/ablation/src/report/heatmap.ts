// One action's cells as a map: units from top to bottom, the run from left to right.

import * as Plot from "@observablehq/plot";
import { isPhaseClaim } from "../phases/sweep-phases.js";
import type { CellSummary } from "./cell-summary.js";
import type { ActionSummary, ReportData } from "./report-data.js";

/** Which number a map shows: what may be skipped, or what matters. */
export type MapKind = "raw" | "normalised";

/** Width of all figures, in pixels. */
export const figureWidth = 760;

const labelWidth = 210;
const rowHeight = 18;
const marginTop = 48;

/**
 * Draws a map. Raw: `1 − SSIM` on a logarithmic scale. Normalised: the change of the final sample over that of a
 * random change of equal norm, so that the sampler's own gain does not make early steps look important.
 * Hatched cells are within the floor.
 *
 * @param document makes the elements; a browser's or one like it
 */
export function heatmap(
  data: ReportData,
  { cells, phases }: ActionSummary,
  kind: MapKind,
  document: Document,
): Element {
  const shown = cells.filter((cell) => Number.isFinite(valueOf(cell, kind)));
  const rows = data.units.filter(({ unit }) =>
    shown.some((cell) => cell.unit === unit),
  );
  const values = shown.map((cell) => Math.max(valueOf(cell, kind), 1e-6));
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const plot = Plot.plot({
    document,
    width: figureWidth,
    height: 70 + rows.length * rowHeight,
    marginLeft: labelWidth,
    marginTop,
    marginBottom: 26,
    style: { background: "none", color: "currentColor" },
    x: {
      type: "band",
      domain: data.bins.map((_, bin) => bin),
      label: null,
      tickFormat: (bin: number) => stepsOf(data, bin),
      padding: 0.02,
      axis: "bottom",
    },
    y: {
      type: "band",
      domain: rows.map(({ unit }) => unit),
      label: null,
      padding: 0.06,
      tickSize: 0,
      // the whole path stands in each cell's title
      tickFormat: (unit: string) => unit.replace(".transformer_blocks.", ".…"),
    },
    color: {
      type: "log",
      domain: [Math.max(low, high / 1e4), high],
      clamp: true,
      scheme: kind === "raw" ? "YlOrRd" : "YlGnBu",
    },
    marks: [
      Plot.cell(shown, {
        x: "bin",
        y: "unit",
        fill: (cell: CellSummary) => Math.max(valueOf(cell, kind), 1e-6),
        ariaLabel: (cell: CellSummary) => cell.cell,
        title: (cell: CellSummary) => describeCell(cell),
      }),
      Plot.cell(
        shown.filter(({ isAtFloor }) => isAtFloor),
        { x: "bin", y: "unit", fill: "url(#hatch)", pointerEvents: "none" },
      ),
      Plot.dot(
        shown.filter(({ helps }) => helps && helps.lower > 0),
        {
          ...{ x: "bin", y: "unit", r: 3.5, symbol: "triangle" },
          ...{ fill: "#fff", stroke: "#111", pointerEvents: "none" },
        },
      ),
      Plot.axisX({
        anchor: "top",
        label: null,
        tickSize: 0,
        tickFormat: (bin: number) =>
          String(Math.round(data.bins[bin]!.timestep)),
      }),
    ],
  });
  const add = (
    name: string,
    attributes: Readonly<Record<string, string | number>>,
    text = "",
  ) => {
    const mark = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes))
      mark.setAttribute(key, String(value));
    mark.textContent = text;
    plot.append(mark);
  };
  drawLegend(plot.scale("color")!, add);
  const beside = { x: labelWidth - 9, "text-anchor": "end" };
  const soft = { fill: "currentColor", opacity: 0.7 };
  add("text", { ...beside, ...soft, y: marginTop - 12 }, "timestep");
  const bottom = marginTop + rows.length * rowHeight + 14;
  add("text", { ...beside, ...soft, y: bottom }, "steps");
  const scale = plot.scale("x")!;
  // a hint is not drawn as a finding is
  const dashes =
    phases && isPhaseClaim(phases) ? {} : { "stroke-dasharray": "3 5" };
  for (const { at, lower, upper } of phases?.boundaries ?? []) {
    const place = (step: number) =>
      scale.apply(
        data.bins.findIndex(({ endStep }) => endStep > step),
      ) as number;
    const extent = { y: marginTop, height: rows.length * rowHeight };
    const [left, right] = [place(lower.step), place(upper.step)];
    add("rect", {
      ...{ ...extent, x: left, width: Math.max(1, right - left) },
      ...{ fill: "currentColor", "fill-opacity": 0.15 },
    });
    const x = place(at.step) - 1;
    add("line", {
      ...{ x1: x, x2: x, y1: extent.y, y2: extent.y + extent.height },
      ...{ stroke: "currentColor", "stroke-width": 2, ...dashes },
    });
  }
  return plot;
}

/** A strip of the colours with the numbers at both ends, at the upper right. */
function drawLegend(
  scale: Plot.Scale,
  add: (
    name: string,
    attributes: Readonly<Record<string, string | number>>,
    text?: string,
  ) => void,
): void {
  const [low, high] = scale.domain as unknown as readonly [number, number];
  const [width, parts, y] = [160, 40, 4];
  const x = figureWidth - 20 - width - 60;
  for (let i = 0; i < parts; i++) {
    const value = low * (high / low) ** (i / (parts - 1));
    const place = { x: x + (i * width) / parts, y, width: width / parts + 0.5 };
    add("rect", { ...place, height: 10, fill: String(scale.apply(value)) });
  }
  const look = { y: y + 9, fill: "currentColor" };
  add("text", { ...look, x: x - 6, "text-anchor": "end" }, shorten(low));
  add(
    "text",
    { ...look, x: x + width + 6, "text-anchor": "start" },
    shorten(high),
  );
}

const shorten = (value: number) =>
  value < 0.001 ? value.toExponential(0) : String(Number(value.toPrecision(2)));

/** A bin's steps, such as `0–4`. */
export function stepsOf({ bins }: ReportData, bin: number): string {
  const { firstStep, endStep } = bins[bin]!;
  return endStep - firstStep === 1
    ? `${firstStep}`
    : `${firstStep}–${endStep - 1}`;
}

function valueOf(cell: CellSummary, kind: MapKind): number {
  return kind === "raw" ? cell.loss.value : (cell.normalised ?? NaN);
}

/** A cell's numbers in a line. */
export function describeCell(cell: CellSummary): string {
  const { unit, action, firstStep, endStep } = cell;
  const { loss, normalised, saved, helps } = cell;
  const interval =
    loss.lower === loss.upper
      ? ""
      : ` (${loss.lower.toFixed(4)} to ${loss.upper.toFixed(4)})`;
  const relative =
    normalised === null ? "" : `, normalised ${normalised.toFixed(2)}`;
  const nearer =
    helps && helps.lower > 0
      ? `; nearer to the converged path by ${helps.value.toFixed(4)}`
      : "";
  return `${unit}, ${action}, steps ${firstStep} to ${endStep - 1}: 1 − SSIM ${loss.value.toFixed(4)}${interval}${relative}, saves ${(100 * saved).toFixed(1)} % of the run${nearer}`;
}
