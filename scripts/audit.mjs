// node scripts/audit.mjs: known holes in what users install, by `npm audit`. Each must be answered in docs/supply-chain.md,
// by its GHSA number; an answer whose finding is gone must go, too. Then the registry's signatures of all that is locked.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const number = /GHSA(?:-[23456789cfghjmpqrvwx]{4}){3}/g;

/**
 * What `npm audit --json` found, by GHSA number.
 * @throws If it is no report: the registry refused, or did not answer.
 */
export function findingsOf(report) {
  if (report?.vulnerabilities === undefined)
    throw new Error(
      `Cannot audit as the registry gives no report: ${report?.message ?? report?.error?.summary ?? "it said nothing"}`,
    );
  const found = new Map();
  for (const { name, via } of Object.values(report.vulnerabilities))
    for (const { url = "", title } of via.filter((one) => one.url))
      found.set(url.match(number)?.[0] ?? url, `${name}: ${title}`);
  return found;
}

/** Findings that the page does not answer, and answers without a finding, as sentences. */
export function unanswered(found, page) {
  const answered = new Set(page.match(number));
  return [
    ...[...found]
      .filter(([id]) => !answered.has(id))
      .map(([id, what]) => `${id} is not answered: ${what}`),
    ...[...answered]
      .filter((id) => !found.has(id))
      .map((id) => `${id} is answered, and nothing has it any more`),
  ];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { stdout } = spawnSync(
    "npm",
    ["audit", "--audit", "--json", "--omit=dev"],
    { encoding: "utf8", maxBuffer: 64 << 20 },
  );
  const page = readFileSync("docs/supply-chain.md", "utf8");
  const wrong = unanswered(findingsOf(JSON.parse(stdout || "null")), page);
  for (const line of wrong) console.error(line);
  const { status } = spawnSync("npm", ["audit", "signatures"], {
    stdio: "inherit",
  });
  process.exit(wrong.length > 0 ? 1 : (status ?? 1));
}
