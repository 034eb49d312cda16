// `phaseskip report`: a sweep as one page, with its numbers and a figure for papers beside it.

import { readFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import {
  hatch,
  heatmap,
  parseManifest,
  parseRows,
  pictureName,
  reportCsv,
  reportData,
  reportPage,
  rowKey,
  type CellRow,
  type ConvergedRow,
  type EmergenceRow,
  type FloorRow,
  type PageParts,
  type ReportData,
  type ResponseRow,
  type SweepRow,
} from "@phaseskip/ablation";
import { parseHTML } from "linkedom";
import type { CommandIo } from "../command-io.js";
import { writeOutput } from "../files/file.js";
import { figureFont, svgToPng } from "../pictures/svg-png.js";
import { readText } from "../sweep/sweep-folder.js";

/** The options of `report`, read. */
export interface ReportArguments {
  readonly out?: string;
}

/** Runs `phaseskip report DIR`. */
export async function report(
  folder: string,
  { out }: ReportArguments,
  io: CommandIo,
): Promise<void> {
  const read = async (name: string) => {
    const text = await readText(join(folder, name));
    if (text !== undefined) return text;
    throw new RangeError(
      `Cannot report on ${folder} as it must be the folder of a finished sweep: it has no ${name}; run ablate again to go on, or merge its shards`,
    );
  };
  const manifest = parseManifest(
    await read("manifest.json"),
    join(folder, "manifest.json"),
  );
  const rows = async <T extends SweepRow>(name: string) =>
    parseRows<T>(await read(name), name);
  const cells = await rows<CellRow>("cells.jsonl");
  if (cells.length === 0) {
    throw new RangeError(
      `Cannot report on ${folder} as it must hold cells: cells.jsonl is empty`,
    );
  }
  if (cells.every(({ window }) => window.kind !== "single")) {
    throw new RangeError(
      `Cannot report on ${folder} as it must hold single windows, which the maps are of: it has ${manifest.settings.windows.join(", ")} alone; sweep again with --windows single,${manifest.settings.windows.join(",")}`,
    );
  }
  const data = reportData({
    manifest,
    cells,
    responses: await rows<ResponseRow>("responses.jsonl"),
    floors: await rows<FloorRow>("floor.jsonl"),
    emergence: await rows<EmergenceRow>("emergence.jsonl"),
    converged: parseRows<ConvergedRow>(
      (await readText(join(folder, "converged.jsonl"))) ?? "",
      "converged.jsonl",
    ),
  });
  const page = out ?? join(folder, "report.html");
  const base = page.replace(/\.html?$/i, "");
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const parts: PageParts = {
    title: basename(resolve(folder)),
    pictures: await pictures(folder, data, cells),
  };
  const html = reportPage(data, parts, document);
  const written = [
    [page, new TextEncoder().encode(html)],
    [`${base}.csv`, new TextEncoder().encode(reportCsv(data))],
    [
      `${base}.json`,
      new TextEncoder().encode(`${JSON.stringify(data, undefined, 1)}\n`),
    ],
    [`${base}.png`, await figurePng(data, document)],
  ] as const;
  for (const [path, bytes] of written)
    await writeOutput("the report", path, bytes);
  io.stdout.write(`${written.map(([path]) => path).join("\n")}\n`);
}

/** The pictures that the sweep kept, as `data:` URLs. */
async function pictures(
  folder: string,
  { manifest }: ReportData,
  cells: readonly CellRow[],
): Promise<PageParts["pictures"]> {
  const url = async (row: string, pair: number) => {
    const path = join(folder, "pictures", pictureName(row, pair));
    const bytes = await readFile(path).catch(() => undefined);
    return bytes && `data:image/png;base64,${bytes.toString("base64")}`;
  };
  const series = async (row: string) => {
    const found: string[] = [];
    for (const pair of manifest.pairs.keys()) {
      const source = await url(row, pair);
      if (source === undefined) break;
      found.push(source);
    }
    return found;
  };
  const kept: Record<string, string[]> = {};
  for (const cell of cells) kept[cell.cell] = await series(rowKey(cell));
  return { reference: await series("reference"), cells: kept };
}

/** All raw maps below each other, on white, for print. */
async function figurePng(
  data: ReportData,
  document: Document,
): Promise<Uint8Array> {
  const maps = data.actions.map((action) => {
    const map = heatmap(data, action, "raw", document);
    return {
      name: action.name,
      map,
      height: Number(map.getAttribute("height")) + 28,
    };
  });
  const width = 780;
  let y = 10;
  const body = maps.map(({ name, map, height }) => {
    const drawn = `<g transform="translate(10 ${y})"><text x="0" y="16" font-size="14" font-weight="600">${name}: 1 − SSIM of the final picture</text><g transform="translate(0 24)">${map.outerHTML}</g></g>`;
    y += height;
    return drawn;
  });
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${y + 10}" viewBox="0 0 ${width} ${y + 10}" font-family="${figureFont}" font-size="10" color="#111" fill="#111"><defs>${hatch}</defs><rect width="100%" height="100%" fill="#fff"/>${body.join("")}</svg>`;
  return svgToPng(svg);
}
