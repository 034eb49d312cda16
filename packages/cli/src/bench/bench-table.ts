// The tables of `phaseskip bench`.

import { median } from "@phaseskip/metrics";
import type { BenchRows, Row } from "./bench-rows.js";
import { formatShare, formatTime } from "../terminal/format-count.js";
import { formatTable } from "../terminal/table.js";

/** What a benchmark ran on. */
export interface BenchMachine {
  readonly cpu: string;
  readonly cores: number;
  /** Name and version of the JavaScript engine's host. */
  readonly engine: string;
}

/** The tables that `phaseskip bench` prints, at most 80 columns wide. */
export function describeBench(
  { threads, rows, plans }: BenchRows,
  { cpu, cores, engine }: BenchMachine,
  stream: NodeJS.WritableStream,
): string {
  const right = { align: "right" as const };
  const cells = ({ name, goal, ratio, ours, raw, segments }: Row) => [
    name,
    String(segments),
    formatTime(median(ours)),
    formatTime(median(raw)),
    ratio.value.toFixed(3),
    `${ratio.lower.toFixed(3)} to ${ratio.upper.toFixed(3)}`,
    `${ratio.lower <= goal ? "≤" : ">"} ${goal.toFixed(2)}`,
  ];
  const columns = (title: string) => [
    { title },
    { title: "sessions", ...right },
    { title: "step", ...right },
    { title: "raw", ...right },
    { title: "ratio", ...right },
    { title: "95 %", ...right },
    { title: "goal", ...right },
  ];
  const parts = [
    `WASM, ${threads} of ${cores} cores; medians of interleaved pairs\n${cpu}, ${engine}\n`,
    formatTable(columns("÷ the file in one"), rows.map(cells), {
      stream,
    }),
  ];
  if (plans.length > 0) {
    const saved = plans.map(({ name, saved: { macs, time } }) => [
      name,
      formatShare(macs),
      formatShare(time),
      macs > 0 ? (time / macs).toFixed(2) : "",
    ]);
    const savedColumns = [
      { title: "saved by" },
      { title: "MACs", ...right },
      { title: "time", ...right },
      { title: "time ÷ MACs", ...right },
    ];
    parts.push(
      formatTable(columns("÷ its live nodes in one"), plans.map(cells), {
        stream,
      }),
      formatTable(savedColumns, saved, { stream }),
    );
  }
  return parts.join("\n");
}
