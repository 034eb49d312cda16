// npm run e2e: the conformance page in Chromium, Firefox and WebKit; a table of engines and cases at the end.
//   npm run e2e -- --engine firefox --case draw,threads   narrows
//   npm run e2e -- --no-build                             tests what lies in dist
//   npm run e2e -- --case long-day,many-loads --runs 200 --loads 40   long days of fewer runs and loads
//   npm run e2e -- --after-tests                          leaves out what npm test has run: Chromium's short cases
//   npm run e2e -- --no-install                           installs no browser that is missing
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { ensureBrowser } from "../scripts/find-browsers.mjs";
import { cases, testedCases } from "./conformance/cases.js";
import { runConformance } from "./conformance/conformance-run.js";
import { conformanceTable } from "./conformance/conformance-table.js";
import { engineNames } from "./engines/engine.js";

const { values } = parseArgs({
  options: {
    engine: { type: "string", multiple: true },
    case: { type: "string", multiple: true },
    runs: { type: "string" },
    loads: { type: "string" },
    "after-tests": { type: "boolean", default: false },
    "no-build": { type: "boolean" },
    "no-install": { type: "boolean" },
  },
});

/** Comma-separated or repeated names, each of which must be known. */
function chosen<Name extends string>(
  what: string,
  known: readonly Name[],
  given: readonly string[] | undefined,
): readonly Name[] {
  if (!given) return known;
  const names = given.flatMap((text) => text.split(","));
  const unknown = names.filter((name) => !known.includes(name as Name));
  if (unknown.length > 0) {
    console.error(
      `Cannot run ${unknown.join(", ")}: the ${what}s are ${known.join(", ")}`,
    );
    process.exit(2);
  }
  return known.filter((name) => names.includes(name));
}

const engines = chosen("engine", engineNames, values.engine);
const usual = cases.filter(({ isDay = false }) => !isDay || values.case);
const names = chosen(
  "case",
  usual.map(({ name }) => name),
  values.case,
);

const tested = new Set(testedCases.map(({ name }) => name));

for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => process.exit(130)); // browsers end with their process groups

if (!values["no-build"]) {
  const { status } = spawnSync(process.execPath, ["scripts/build.mjs"], {
    stdio: "inherit",
  });
  if (status !== 0) process.exit(1);
}
if (!values["no-install"]) {
  for (const engine of engines) {
    try {
      ensureBrowser(engine);
    } catch (error) {
      console.error((error as Error).message);
    }
  }
}

const versions = new Map<string, string>();
const results = await runConformance({
  engines,
  cases: names,
  spares: (engine, name) =>
    values["after-tests"] && engine === "chromium" && tested.has(name),
  counts: {
    ...(values.runs !== undefined && { runs: values.runs }),
    ...(values.loads !== undefined && { loads: values.loads }),
  },
  onEngine(engine, version) {
    versions.set(engine, version);
    console.log(version);
  },
  onResult({ name, outcome, milliseconds }) {
    const seconds = (milliseconds / 1000).toFixed(1).padStart(6);
    const said = outcome.status === "ok" ? outcome.detail : outcome.reason;
    console.log(
      `  ${outcome.status.padEnd(7)} ${name.padEnd(18)} ${seconds} s  ${said}`,
    );
  },
});
console.log(conformanceTable(results, versions));
process.exit(
  results.some(({ outcome }) => outcome.status === "failed") ||
    !results.some(({ outcome }) => outcome.status === "ok")
    ? 1
    : 0,
);
