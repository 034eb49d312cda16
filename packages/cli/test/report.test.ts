// `phaseskip report`: a page of its own with everything in it, and its numbers beside.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseHTML } from "linkedom";
import { parseRows, type CellRow, type ReportData } from "@phaseskip/ablation";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fixture, run } from "./run.js";

let folder: string;
let html: string;
let cells: CellRow[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "phaseskip-report-"));
  const swept = await run([
    ...["ablate", fixture("tiny-ddpm-ts"), "--out", folder],
    ...["--steps", "5", "--bins", "3", "--seeds", "4"],
    ...["--units", "mid_block", "up_blocks.0.resnets.*.skip"],
    ...["--action", "removal", "reuse-2"],
  ]);
  expect(swept.stderr).not.toMatch(/Cannot run the sweep/);
  const reported = await run(["report", folder]);
  expect(reported.exitCode, reported.stderr).toBe(0);
  html = readFileSync(join(folder, "report.html"), "utf8");
  cells = parseRows(
    readFileSync(join(folder, "cells.jsonl"), "utf8"),
    "cells.jsonl",
  );
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true }));

describe("report", { timeout: 60_000 }, () => {
  test("needs nothing from elsewhere", () => {
    expect(html).not.toMatch(/(?:src|href)="(?!data:|#)/);
    expect(html).not.toMatch(/@import|url\((?!#)/);
  });

  test("draws every cell, and holds its numbers and pictures", () => {
    const { document } = parseHTML(html);
    const data = JSON.parse(document.getElementById("data")!.textContent) as {
      cells: Record<string, string>;
      pictures: { reference: string[]; cells: Record<string, string[]> };
    };
    const drawn = new Set(
      [...document.querySelectorAll("rect[aria-label]")].map((mark) =>
        mark.getAttribute("aria-label"),
      ),
    );
    expect(cells.length).toBeGreaterThan(10);
    for (const { cell } of cells) {
      expect(drawn).toContain(cell);
      expect(data.cells[cell]).toMatch(/1 − SSIM \d/);
      expect(data.pictures.cells[cell]![0]).toMatch(/^data:image\/png;base64,/);
    }
    expect(data.pictures.reference.length).toBeGreaterThanOrEqual(4);
  });

  test("has raw and normalised maps, the gain, the skips along the U, effect against cost", () => {
    for (const title of [
      "Safe to skip when",
      "Matters when",
      "sampler’s own gain",
      "along the U",
      "Effect against saved cost",
    ])
      expect(html).toContain(title);
  });

  test("writes the means and intervals of the cells as JSON and CSV", () => {
    const data = JSON.parse(
      readFileSync(join(folder, "report.json"), "utf8"),
    ) as ReportData;
    const summaries = new Map(
      data.actions
        .flatMap((action) => action.cells)
        .map((cell) => [cell.cell, cell]),
    );
    const csv = readFileSync(join(folder, "report.csv"), "utf8")
      .trim()
      .split("\n");
    expect(csv).toHaveLength(cells.length + 1);
    for (const { cell, effects, macs } of cells) {
      const summary = summaries.get(cell)!;
      const mean =
        effects.reduce((sum, { ssim }) => sum + 1 - ssim, 0) / effects.length;
      expect(summary.loss.value).toBeCloseTo(mean, 12);
      expect(summary.loss.lower).toBeLessThanOrEqual(mean);
      expect(summary.loss.upper).toBeGreaterThanOrEqual(mean);
      expect(summary.saved).toBe(macs.saved / macs.full);
    }
  });

  test("writes a figure as PNG with text in it", () => {
    const png = readFileSync(join(folder, "report.png"));
    expect(png.subarray(1, 4).toString()).toBe("PNG");
    expect(png.readUInt32BE(16)).toBe(1560);
  });

  test("says what is missing of a folder that is no finished sweep", async () => {
    const empty = mkdtempSync(join(tmpdir(), "phaseskip-report-"));
    const none = await run(["report", empty]);
    expect(none.exitCode).toBe(2);
    expect(none.stderr).toMatch(/it has no manifest\.json/);
    writeFileSync(
      join(empty, "manifest.json"),
      readFileSync(join(folder, "manifest.json")),
    );
    const unfinished = await run(["report", empty]);
    expect(unfinished.stderr).toMatch(
      /it has no cells\.jsonl; run ablate again/,
    );
    rmSync(empty, { recursive: true });
  });

  test("has cells of other windows among its numbers, and says that maps need single ones", async () => {
    const swept = (...windows: string[]) => {
      const out = join(folder, windows.join("-"));
      const sweep = run([
        ...["ablate", fixture("tiny-ddpm-ts"), "--out", out, "--units"],
        ...["mid_block", "--steps", "3", "--bins", "2", "--seeds", "1"],
        ...["--directions", "2", "--windows", windows.join(",")],
      ]);
      return sweep.then(() => out);
    };
    const both = await swept("single", "suffix");
    expect((await run(["report", both])).exitCode).toBe(0);
    const csv = readFileSync(join(both, "report.csv"), "utf8");
    expect(csv).toMatch(/^mid_block,zeroResidual,single,0,/m);
    expect(csv).toMatch(/^mid_block,zeroResidual,suffix,/m);
    const page = readFileSync(join(both, "report.html"), "utf8");
    expect(page).toContain("Windows that are no single bins: all numbers");
    const alone = await run(["report", await swept("suffix")]);
    expect(alone.exitCode).toBe(2);
    expect(alone.stderr).toContain("it has suffix alone; sweep again with");
  });

  test("--out puts the page and what lies beside it elsewhere", async () => {
    const out = join(folder, "elsewhere", "study.html");
    expect((await run(["report", folder, "--out", out])).exitCode).toBe(0);
    expect(readFileSync(out, "utf8")).toBe(html);
    expect(readFileSync(out.replace("html", "csv"), "utf8")).toContain(
      "mid_block",
    );
  });
});
