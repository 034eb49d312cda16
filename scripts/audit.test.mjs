// The audit on reports in npm's form.
import { expect, test } from "vitest";
import { findingsOf, unanswered } from "./audit.mjs";

const report = {
  auditReportVersion: 2,
  vulnerabilities: {
    a: {
      name: "a",
      severity: "high",
      via: [
        {
          source: 1,
          name: "a",
          title: "Hangs on long input",
          url: "https://github.com/advisories/GHSA-2345-6789-cfgh",
        },
      ],
    },
    b: { name: "b", severity: "high", via: ["a"] },
  },
};

test("a finding counts once, by its number, also where others depend on it", () => {
  expect([...findingsOf(report)]).toEqual([
    ["GHSA-2345-6789-cfgh", "a: Hangs on long input"],
  ]);
});

test("a finding without an answer fails, and so does an answer without a finding", () => {
  const found = findingsOf(report);
  expect(unanswered(found, "GHSA-2345-6789-cfgh: we hand it none")).toEqual([]);
  expect(unanswered(found, "")).toEqual([
    "GHSA-2345-6789-cfgh is not answered: a: Hangs on long input",
  ]);
  expect(unanswered(new Map(), "GHSA-2345-6789-cfgh: gone")).toEqual([
    "GHSA-2345-6789-cfgh is answered, and nothing has it any more",
  ]);
});

test("a registry that gives no report is no clean one", () => {
  expect(() => findingsOf({ message: "405 Method Not Allowed" })).toThrow(
    "405 Method Not Allowed",
  );
  expect(() => findingsOf(null)).toThrow("it said nothing");
});
