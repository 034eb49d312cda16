import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { summaryFile } from "./summary-reporter.mjs";

test("the summary counts failed tests, files that do not load and stray errors, and gives a skip's reason", () => {
  const root = mkdtempSync(join(tmpdir(), "summary-"));
  const vitest = resolve("node_modules/vitest");
  const file = (name, text) =>
    writeFileSync(
      join(root, name),
      `import { test } from ${JSON.stringify(`${vitest}/dist/index.js`)};\n${text}`,
    );
  file("vitest.config.mjs", "export default {};");
  file(
    "a.test.mjs",
    'test("good", () => {}); test("bad", () => { throw new Error("bad"); });',
  );
  file(
    "b.test.mjs",
    'test("skipped", ({ skip }) => skip("no such device")); test.skip("bare", () => {});',
  );
  file("c.test.mjs", 'throw new Error("does not load");');
  file(
    "d.test.mjs",
    'test("stray", () => void Promise.reject(new Error("stray")));',
  );
  const reporter = `--reporter=${resolve("scripts/summary-reporter.mjs")}`;
  spawnSync(process.execPath, [`${vitest}/vitest.mjs`, "run", reporter], {
    cwd: root,
  });
  const { passed, failed, skipped } = JSON.parse(
    readFileSync(join(root, summaryFile), "utf8"),
  );
  rmSync(root, { recursive: true });
  expect({ passed, failed }).toEqual({ passed: 2, failed: 3 });
  expect(skipped.map((line) => line.replace(/^.*?: /, ""))).toEqual([
    "skipped: no such device",
    "bare: no reason given",
  ]);
}, 60_000);
