// npm test: builds, finds or installs a Chromium, runs all tests, and ends with one line of counts.
//   node scripts/test.mjs [--no-build] [--strict] [vitest's arguments]
// Without a Chromium the browser tests are reported as skipped; --strict takes a skip for a failure.
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { ensureChromium } from "./find-chromium.mjs";
import { summaryFile } from "./summary-reporter.mjs";

const flags = ["--no-build", "--strict"];
const [noBuild, strict] = flags.map((flag) => process.argv.includes(flag));
const args = process.argv
  .slice(2)
  .filter((argument) => !flags.includes(argument));

const run = (...command) =>
  spawnSync(process.execPath, command, { stdio: "inherit" }).status ?? 1;

function main() {
  rmSync(summaryFile, { force: true });
  if (!noBuild && run("scripts/build.mjs") !== 0) {
    console.error("The build failed, so no test ran.");
    return { passed: 0, failed: 1, skipped: [] };
  }
  const skipped = [];
  const projects = [];
  try {
    process.env.PHASESKIP_CHROMIUM = ensureChromium();
  } catch (error) {
    console.error(error.message);
    skipped.push(
      "browser, browser-isolated, webgpu: every test: no Chromium, see above",
    );
    projects.push("--project=node", "--project=e2e");
  }
  const reporters = [
    "--reporter=default",
    "--reporter=./scripts/summary-reporter.mjs",
  ];
  const status = run(
    "node_modules/vitest/vitest.mjs",
    "run",
    ...reporters,
    ...projects,
    ...args,
  );
  let summary;
  try {
    summary = JSON.parse(readFileSync(summaryFile, "utf8"));
  } catch {
    summary = { passed: 0, failed: 1, skipped: [] };
    console.error(
      `Vitest ended with exit code ${status} and left no ${summaryFile}.`,
    );
  }
  if (status !== 0 && summary.failed === 0) {
    console.error(
      `Vitest ended with exit code ${status}, with no failed test to show for it.`,
    );
    summary.failed = 1;
  }
  summary.skipped.unshift(...skipped);
  return summary;
}

const { passed, failed, skipped } = main();
for (const line of skipped) console.log(`skipped: ${line}`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode =
  failed > 0 || passed === 0 || (strict && skipped.length > 0) ? 1 : 0;
