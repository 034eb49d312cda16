// npm run ok: every check, in the order of what fails fastest. One line for each; a check that fails
// prints what it said, and the rest still run. `npm run ok lint docs` runs those alone.
import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { performance } from "node:perf_hooks";

const packages = readdirSync("packages").filter((name) =>
  existsSync(`packages/${name}/package.json`),
);
const entries = packages.map((name) => `packages/${name}/src/**/*.ts`);

/** Name → the commands, of which all must end with 0. */
const checks = {
  format: ["prettier --check --log-level warn ."],
  packages: ["node scripts/check-packages.mjs"],
  types: ["tsc"],
  cycles: [
    `dpdm --no-tree --no-warning --no-progress --exit-code circular:1 ${entries.join(" ")}`,
  ],
  unused: ["knip"],
  lint: ["eslint --max-warnings 0 ."],
  unit: ["node scripts/test.mjs --no-build --project=node"],
  build: ["node scripts/build.mjs"],
  docs: ["node scripts/check-docs.mjs"],
  publint: packages.map((name) => `publint run --strict packages/${name}`),
  attw: packages.map(
    (name) => `attw --pack packages/${name} --profile esm-only --format ascii`,
  ),
  "test:built": [
    "PHASESKIP_BUILT=1 node scripts/test.mjs --no-build --project=node",
  ],
  site: ["node scripts/site/build.mjs"],
  browser: [
    "node scripts/test.mjs --no-build --strict --project=e2e --project=browser* --project=webgpu",
  ],
};

const run = (command) =>
  new Promise((resolve) => {
    const settings = [...command.matchAll(/^(\w+)=(\S+) /g)].map(
      ([, name, value]) => [name, value],
    );
    const [program, ...args] = command.replace(/^\w+=\S+ /, "").split(" ");
    const env = {
      ...process.env,
      ...Object.fromEntries(settings),
      PATH: `node_modules/.bin:${process.env.PATH}`,
    };
    const child = spawn(program === "node" ? process.execPath : program, args, {
      env,
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (data) => (output += data));
    child.on("error", (error) => resolve({ code: 1, output: error.message }));
    child.on("close", (code) => resolve({ code, output }));
  });

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in checks));
if (unknown.length > 0) {
  console.error(
    `Cannot run ${unknown.join(", ")}: the checks are ${Object.keys(checks).join(", ")}`,
  );
  process.exit(2);
}

let failed = 0;
for (const [name, commands] of Object.entries(checks)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const start = performance.now();
  const said = [];
  for (const command of commands) {
    const { code, output } = await run(command);
    if (code !== 0) said.push(`$ ${command}\n${output.trim()}\n`);
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(
    `${said.length ? "✗" : "✓"} ${name.padEnd(11)} ${seconds.padStart(6)} s`,
  );
  for (const text of said) console.log(text);
  if (said.length > 0) failed += 1;
}
console.log(failed ? `${failed} of the checks failed` : "ok");
process.exitCode = failed ? 1 : 0;
