// The conformance page in Chromium: what `npm run e2e` runs in three engines, without the cases that take minutes.
import { beforeAll, describe, expect, test } from "vitest";
import { testedCases } from "./conformance/cases.js";
import {
  runConformance,
  type CaseResult,
} from "./conformance/conformance-run.js";

describe("the conformance page in Chromium", () => {
  let results: readonly CaseResult[] = [];
  beforeAll(async () => {
    const names = testedCases.map(({ name }) => name);
    results = await runConformance({ engines: ["chromium"], cases: names });
  }, 1_800_000);

  test.for(testedCases)("$name: $holds", ({ name }, { skip }) => {
    const { outcome } = results.find((result) => result.name === name)!;
    if (outcome.status === "skipped") skip(true, outcome.reason);
    expect(outcome).toMatchObject({ status: "ok" });
  });
});
