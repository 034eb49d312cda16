// The fuzzer's table, and its place in docs/reliability.md.

import { readFile, writeFile } from "node:fs/promises";
import type { FuzzOptions, Tally } from "./fuzz.js";
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

/** The command that makes such a table, and how far it got where it was stopped. */
export function commandOf(
  { inputs, seed, lanes }: FuzzOptions,
  tallies: readonly Tally[],
): string {
  const from = seed === 1 ? "" : ` --seed ${seed}`;
  const command = `\`npm run fuzz -- --inputs ${inputs}${from} --lanes ${lanes}\``;
  const done = tallies.reduce((sum, tally) => sum + tally.inputs, 0);
  return done < inputs ? `${command}, stopped after ${done}` : command;
}

/** Puts the table where the page's marks are, under the command that made it. */
export async function writeTable(
  options: FuzzOptions,
  tallies: readonly Tally[],
): Promise<void> {
  const text = await readFile(page, "utf8");
  const [before, after] = [text.indexOf(begin), text.indexOf(end)];
  if (before < 0 || after < 0)
    throw new Error(
      `Cannot write the table as docs/reliability.md must have the marks ${begin} and ${end}`,
    );
  const head = `Seeds from ${options.seed} on, Node ${process.version}. ${commandOf(options, tallies)}`;
  const table = `${begin}\n\n${head}\n\n${tableOf(tallies)}\n\n`;
  await writeFile(page, text.slice(0, before) + table + text.slice(after));
}
