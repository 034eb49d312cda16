// Small tables for the terminal: aligned, at most 80 columns wide unless told otherwise.

import stringWidth from "string-width";
import { styleText } from "node:util";

/** One column of a {@link formatTable}. */
export interface TableColumn {
  /** Its heading. */
  readonly title: string;
  /**
   * Numbers read best from the right.
   * @default "left"
   */
  readonly align?: "left" | "right";
}

/** How {@link formatTable} writes. */
export interface TableOptions {
  /**
   * Rows below a rule at the end, such as totals.
   * @default none
   */
  readonly footer?: readonly (readonly string[])[];
  /**
   * The most terminal columns that a line takes. Where that is not enough, the widest left-aligned cells are cut
   * with an ellipsis; right-aligned ones never are.
   * @default 80
   */
  readonly width?: number;
  /**
   * Where the table goes: headings are bold only if this is a terminal that wants colour (`NO_COLOR`,
   * `FORCE_COLOR`).
   * @default process.stdout
   */
  readonly stream?: NodeJS.WritableStream;
}

const GAP = "  ";
const LEAST_WIDTH = 6;

/**
 * Lays rows out under headings, two spaces apart.
 * @param rows one cell for each column; line breaks in a cell become spaces
 * @returns lines, each ended by a line break, without spaces at their ends
 * @throws {TypeError} If a row has another number of cells than there are columns.
 */
export function formatTable(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  options: TableOptions = {},
): string {
  const { footer = [], width = 80, stream = process.stdout } = options;
  const titles = columns.map((column) => column.title);
  const cells = [titles, ...rows, ...footer].map((row) => {
    if (row.length !== columns.length) {
      throw new TypeError(
        `Cannot lay out a table as each row must have ${columns.length} cells: current number is ${row.length}`,
      );
    }
    return row.map((cell) => cell.replace(/\s*\n\s*/g, " "));
  });
  const widths = fit(columns, cells, width);
  const lines = cells.map((row) =>
    row
      .map((cell, i) => pad(cell, widths[i]!, columns[i]!))
      .join(GAP)
      .trimEnd(),
  );
  const rule = widths.map((columnWidth) => "─".repeat(columnWidth)).join(GAP);
  const [heading = "", ...body] = lines;
  const foot = body.splice(rows.length);
  const parts = [styleText("bold", heading, { stream }), rule, ...body];
  if (foot.length > 0) parts.push(rule, ...foot);
  return parts.map((line) => `${line}\n`).join("");
}

/** Widths of the columns: their widest cells', less what the widest left-aligned column must give up. */
function fit(
  columns: readonly TableColumn[],
  cells: readonly (readonly string[])[],
  limit: number,
): number[] {
  const widths = columns.map((_, i) =>
    Math.max(...cells.map((row) => stringWidth(row[i]!))),
  );
  const gaps = GAP.length * (columns.length - 1);
  let excess = widths.reduce((sum, width) => sum + width, gaps) - limit;
  while (excess > 0) {
    const widest = columns.reduce(
      (best, column, i) =>
        column.align !== "right" && widths[i]! > (widths[best] ?? LEAST_WIDTH)
          ? i
          : best,
      -1,
    );
    if (widest === -1) break;
    widths[widest]!--;
    excess--;
  }
  return widths;
}

function pad(
  cell: string,
  width: number,
  { align = "left" }: TableColumn,
): string {
  const text = truncate(cell, width);
  const space = " ".repeat(width - stringWidth(text));
  return align === "right" ? space + text : text + space;
}

/**
 * Cuts a text to so many terminal columns, with an ellipsis at the end where something is missing.
 * @param width terminal columns, at least 1; a letter of double width counts as 2
 */
export function truncate(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let kept = "";
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    if (stringWidth(kept + segment) > width - 1) break;
    kept += segment;
  }
  return `${kept.trimEnd()}…`;
}
