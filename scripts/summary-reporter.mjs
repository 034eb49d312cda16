// Vitest reporter: writes build/test-summary.json, from which scripts/test.mjs prints its last line.
// A test file that could not be loaded and an error outside of any test count as failed.
import { mkdirSync, writeFileSync } from "node:fs";

export const summaryFile = "build/test-summary.json";

/** Counts of a run's modules and of its errors outside of tests; skips with their reasons. */
export function summarize(modules, unhandledErrors) {
  const summary = { passed: 0, failed: unhandledErrors.length, skipped: [] };
  for (const module of modules) {
    if (module.errors().length > 0) summary.failed += 1;
    for (const suite of module.children.allSuites())
      if (suite.errors().length > 0) summary.failed += 1;
    for (const test of module.children.allTests()) {
      const { state, note } = test.result();
      if (state === "passed" || state === "failed") summary[state] += 1;
      else
        summary.skipped.push(
          `${module.project.name}: ${test.fullName}: ${note ?? (state === "pending" ? "did not run" : "no reason given")}`,
        );
    }
  }
  return summary;
}

export default class SummaryReporter {
  onTestRunEnd(modules, unhandledErrors) {
    mkdirSync("build", { recursive: true });
    writeFileSync(
      summaryFile,
      JSON.stringify(summarize(modules, unhandledErrors)),
    );
  }
}
