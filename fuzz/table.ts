// The fuzzer's table, and its place in docs/reliability.md.

import { readFile, writeFile } from "node:fs/promises";
import type { Tally } from "./fuzz.js";
import { kinds } from "./kinds/kinds.js";

const page = new URL("../docs/reliability.md", import.meta.url);
const [begin, end] = ["<!-- fuzz: begin -->", "<!-- fuzz: end -->"];

/** What came of all inputs, as a table in Markdown. */
export function tableOf(tallies: readonly Tally[]): string {
  const order = kinds.map(({ name }) => name);
  const sorted = [...tallies].sort(
    (a, b) => order.indexOf(a.kind) - order.indexOf(b.kind),
  );
  const rows = sorted.map((tally) => {
    const { result = 0, fault = 0, ...errors } = tally.outcomes;
    const refused = Object.entries(errors)
      .sort((a, b) => b[1] - a[1])
      .map(([name, count]) => `${name} ${count}`);
    return [
      tally.kind,
      tally.inputs,
      result,
      refused.join(", "),
      Math.max(fault, tally.faults.length),
      `${Math.round(tally.slowest)} ms`,
      `${Math.round(tally.largest / 2 ** 20)} MiB`,
    ];
  });
  const head = [
    "kind",
    "inputs",
    "results",
    "documented errors",
    "faults",
    "slowest",
    "largest",
  ];
  const total = ["all", sum(rows, 1), sum(rows, 2), "", sum(rows, 4), "", ""];
  return [head, head.map(() => "---"), ...rows, total]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n");
}

function sum(
  rows: readonly (readonly (string | number)[])[],
  column: number,
): number {
  return rows.reduce((total, row) => total + Number(row[column]), 0);
}

/** Puts the table where the page's marks are. */
export async function writeTable(
  tallies: readonly Tally[],
  seed: number,
): Promise<void> {
  const text = await readFile(page, "utf8");
  const [before, after] = [text.indexOf(begin), text.indexOf(end)];
  if (before < 0 || after < 0)
    throw new Error(
      `Cannot write the table as docs/reliability.md must have the marks ${begin} and ${end}`,
    );
  const table = `${begin}\n\nSeeds from ${seed} on, Node ${process.version}.\n\n${tableOf(tallies)}\n\n`;
  await writeFile(page, text.slice(0, before) + table + text.slice(after));
}
