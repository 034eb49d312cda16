// Each package: one ES module in dist for each source file, dependencies left as imports.
// And, for apps without a bundler, packages/phaseskip/dist/prebuilt.
import { existsSync, readdirSync } from "node:fs";
import { isAbsolute } from "node:path";
import nodeResolve from "@rollup/plugin-node-resolve";
import terser from "@rollup/plugin-terser";
import esbuild from "rollup-plugin-esbuild";
import { bundledLicences } from "./scripts/bundled-licences.mjs";
import { ortBeside, ortFolder } from "./scripts/ort-beside.mjs";

const sources = (folder) =>
  readdirSync(folder, { recursive: true })
    .filter((file) => /(?<!\.d)\.[jt]s$/.test(file))
    .map((file) => `${folder}/${file}`);

const packages = readdirSync("packages").filter((name) =>
  existsSync(`packages/${name}/src/index.ts`),
);

const library = (name) => ({
  input: sources(`packages/${name}/src`),
  external: (id) => !id.startsWith(".") && !isAbsolute(id),
  plugins: [esbuild({ target: "es2022" })],
  onLog: (level, log, handle) =>
    log.code !== "EMPTY_BUNDLE" && handle(level, log), // files of types only
  output: {
    dir: `packages/${name}/dist`,
    preserveModules: true,
    preserveModulesRoot: `packages/${name}/src`,
    sourcemap: true,
  },
});

const licences = bundledLicences([ortFolder]);

/** Files for a server, without a bundler: `files` are entries by name. What not every run needs lies beside them. */
const prebuilt = (files) => ({
  input: files,
  preserveEntrySignatures: "allow-extension",
  plugins: [
    ortBeside(),
    nodeResolve({ browser: true, exportConditions: ["@phaseskip/source"] }),
    esbuild({ target: "es2022", minify: true, legalComments: "none" }),
    terser({ module: true, ecma: 2020, compress: { passes: 3 } }), // 3 kB of gzip less
    licences,
  ],
  output: {
    dir: "packages/phaseskip/dist/prebuilt",
    entryFileNames: ({ name }) =>
      name === "core" ? "phaseskip.core-[hash].js" : `${name}.js`,
    chunkFileNames: "phaseskip.[name]-[hash].js",
  },
});

export default [
  ...packages.map(library),
  prebuilt({ phaseskip: "packages/phaseskip/src/index.ts" }),
  prebuilt({ "phaseskip.element": "packages/phaseskip/src/element.ts" }),
  prebuilt({
    "phaseskip.worker": "packages/phaseskip/src/prebuilt-worker.ts",
    // All code is in files that the entry imports: imported by them in turn, under another address than the page's,
    // such as one with ?v=2, it would run a second time.
    core: "packages/runtime/src/worker.ts",
  }),
].filter(({ input }) =>
  Array.isArray(input)
    ? input.length > 0
    : Object.values(input).every(existsSync),
);
