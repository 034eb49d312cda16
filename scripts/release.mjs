// npm run release: publishes every package whose version the registry has not, those first that others need, with provenance.
// --dry-run says what it would do, and fails where publishing would: a repository that is not named, a build that is not
// there, a dependency on another version of our own.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";

const isDry = process.argv.includes("--dry-run");

const packages = readdirSync("packages")
  .filter((name) => existsSync(`packages/${name}/package.json`))
  .map((name) => ({
    folder: `packages/${name}`,
    ...JSON.parse(readFileSync(`packages/${name}/package.json`, "utf8")),
  }));
const byName = new Map(packages.map((one) => [one.name, one]));

/** Dependencies before what depends on them. */
function inOrder(todo, done = []) {
  for (const one of todo) {
    if (done.includes(one)) continue;
    const needs = Object.keys(one.dependencies ?? {});
    inOrder(
      needs.flatMap((name) => byName.get(name) ?? []),
      done,
    );
    done.push(one);
  }
  return done;
}

/** Why a package cannot be published. */
function obstacles({ name, folder, version, dependencies = {}, ...rest }) {
  const other = Object.entries(dependencies).filter(
    ([needed, range]) =>
      byName.has(needed) && range !== byName.get(needed).version,
  );
  return [
    ...(existsSync(`${folder}/dist`) ? [] : ["it is not built"]),
    ...(rest.repository || isDry ? [] : ["package.json names no repository"]),
    ...other.map(([needed, range]) => `it asks for ${needed} ${range}`),
  ].map((why) => `Cannot publish ${name} ${version} as ${why}`);
}

const isPublished = ({ name, version }) => {
  try {
    const args = ["view", `${name}@${version}`, "version"];
    return execFileSync("npm", args, { stdio: "pipe" }).length > 0;
  } catch {
    return false; // never heard of
  }
};

const wrong = packages.flatMap(obstacles);
for (const line of wrong) console.error(line);
if (wrong.length > 0) process.exit(1);
for (const one of inOrder(packages)) {
  if (one.private) continue;
  const flags = [
    "--access",
    "public",
    ...(isDry ? ["--dry-run"] : ["--provenance"]),
  ];
  if (isDry) console.log(`${one.name} ${one.version}`);
  else if (isPublished(one)) continue;
  const args = ["publish", "--ignore-scripts", "--loglevel", "error", ...flags];
  execFileSync("npm", args, {
    cwd: one.folder,
    stdio: ["ignore", "ignore", "inherit"],
  });
  // the words that changesets/action reads
  if (!isDry) console.log(`New tag: ${one.name}@${one.version}`);
}
