// `report.csv`: the numbers of all cells as a table.

import { allCells, type ReportData } from "./report-data.js";

/** The table: a head line, then a cell a line, fields apart by commas. */
export function reportCsv(data: ReportData): string {
  const head =
    "unit,action,window,bin,first_step,end_step,loss,loss_lower,loss_upper,loss_p90,normalised,local,macs_saved,at_floor,helps,helps_lower,helps_upper";
  const rows = allCells(data).map((cell) => {
    const { unit, action, window, bin, firstStep, endStep, loss } = cell;
    return [
      ...[quoted(unit), quoted(action), window, bin, firstStep, endStep],
      ...[loss.value, loss.lower, loss.upper, cell.lossP90],
      ...[cell.normalised ?? "", cell.local, cell.saved],
      cell.isAtFloor,
      ...(cell.helps
        ? [cell.helps.value, cell.helps.lower, cell.helps.upper]
        : ["", "", ""]),
    ].join(",");
  });
  return [head, ...rows, ""].join("\n");
}

const quoted = (text: string) =>
  /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
