// A map of the study's own sweep.

import { heatmap, type ReportData } from "@phaseskip/ablation";
import { parseHTML } from "linkedom";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

test("heatmap() draws the meeting of phases as a line, and as a dashed one where bins are too few for a claim", () => {
  const file = "../../../docs/study/scenes-ddpm-removal/report.json";
  const text = readFileSync(new URL(file, import.meta.url), "utf8");
  const data = JSON.parse(text) as ReportData;
  const action = data.actions.find(({ name }) => name === "zeroResidual")!;
  const phases = action.phases!;
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const lines = (bins: number) => {
    const shown = { ...action, phases: { ...phases, bins } };
    const map = heatmap(data, shown, "raw", document).outerHTML;
    return map.match(/<line [^>]*stroke-width="2"[^>]*>/g) ?? [];
  };
  const count = phases.boundaries.length;
  expect(count).toBeGreaterThan(0);
  const dashed = (line: string) => line.includes("stroke-dasharray");
  expect(lines(24).filter(dashed)).toHaveLength(count);
  expect(lines(25)).toHaveLength(count);
  expect(lines(25).filter(dashed)).toEqual([]);
});
