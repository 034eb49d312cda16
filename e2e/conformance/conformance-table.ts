// The table of engines and cases.
import type { CaseResult } from "./conformance-run.js";

/**
 * Lays results out: a line for each case, a column for each engine, below it why cases failed or were skipped.
 * @param versions what to call an engine
 */
export function conformanceTable(
  results: readonly CaseResult[],
  versions: ReadonlyMap<string, string>,
): string {
  const engines = [...new Set(results.map(({ engine }) => engine))];
  const names = [...new Set(results.map(({ name }) => name))];
  const width = Math.max(...names.map((name) => name.length), 4);
  const columns = engines.map((engine) => Math.max(engine.length, 9));
  const notes: string[] = [];
  const rows = names.map((name) => {
    const cells = engines.map((engine, column) => {
      const outcome = results.find(
        (result) => result.name === name && result.engine === engine,
      )?.outcome;
      const status = outcome?.status ?? "";
      if (!outcome || outcome.status === "ok")
        return status.padEnd(columns[column]!);
      notes.push(`${outcome.status} in ${engine}: ${name}: ${outcome.reason}`);
      return status.padEnd(columns[column]!);
    });
    return [name.padEnd(width), ...cells].join("  ");
  });
  const head = engines.map((engine, column) => engine.padEnd(columns[column]!));
  const count = (status: string) =>
    results.filter(({ outcome }) => outcome.status === status).length;
  return [
    "",
    ...engines.flatMap((engine) => versions.get(engine) ?? []),
    "",
    ["case".padEnd(width), ...head].join("  ").trimEnd(),
    ["─".repeat(width), ...columns.map((size) => "─".repeat(size))].join("  "),
    ...rows.map((row) => row.trimEnd()),
    "",
    ...notes,
    `${count("ok")} ok, ${count("failed")} failed, ${count("skipped")} skipped`,
  ].join("\n");
}
