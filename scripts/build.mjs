// npm run build: dist of every package from nothing. Rollup writes the modules while tsc writes the
// declarations, which then move beside them.
import { spawn } from "node:child_process";
import { cpSync, existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { resolve } from "node:path";

const packages = readdirSync("packages").filter((name) =>
  existsSync(`packages/${name}/src`),
);
for (const name of packages)
  rmSync(`packages/${name}/dist`, { recursive: true, force: true });
rmSync("build/types", { recursive: true, force: true });

const run = (tool, ...args) =>
  new Promise((done) => {
    const child = spawn(process.execPath, [tool, ...args], {
      stdio: "inherit",
    });
    child.on("exit", (code) => done(code ?? 1));
  });

const codes = await Promise.all([
  run("node_modules/rollup/dist/bin/rollup", "-c", "--silent"),
  run(
    "node_modules/typescript/bin/tsc",
    "--noEmit",
    "false",
    "--emitDeclarationOnly",
    // all of them, whatever was checked before
    ...["--incremental", "false", "--tsBuildInfoFile", "null"],
    "--outDir",
    "build/types",
    "--rootDir",
    ".",
  ),
]);
for (const name of packages) {
  const types = `build/types/packages/${name}/src`;
  const toDist = {
    recursive: true,
    filter: (path) => statSync(path).isDirectory() || path.endsWith(".d.ts"),
  };
  for (const folder of [types, `packages/${name}/src`])
    if (existsSync(folder)) cpSync(folder, `packages/${name}/dist`, toDist);
}
// the page that `phaseskip serve` hands out; it is made of what was just built
codes.push(
  await run(
    "node_modules/vite/bin/vite.js",
    ...["build", "examples/playground", "--mode", "served"],
    ...["--outDir", resolve("packages/phaseskip/dist/playground")],
    ...["--emptyOutDir", "--logLevel", "warn"],
  ),
);
if (Math.max(...codes) === 0) {
  // what `npm create phaseskip` lays into an empty folder
  const dist = resolve("packages/create-phaseskip/dist");
  const { copyModel, copyTemplate, templates } = await import(
    `${dist}/index.js`
  );
  for (const name of Object.keys(templates))
    await copyTemplate(resolve("examples", name), `${dist}/templates/${name}`);
  await copyModel(resolve("models/scenes"), `${dist}/models/scenes`);
}
process.exitCode = Math.max(...codes);
