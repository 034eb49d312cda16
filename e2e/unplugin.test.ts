// An app of each bundler that the plug-in knows, built as it says and opened in Chromium.
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { build as esbuildBuild } from "esbuild";
import type { Browser } from "playwright";
import { nodeResolve } from "@rollup/plugin-node-resolve";
import { rollup } from "rollup";
import { build as viteBuild, createServer } from "vite";
import webpack from "webpack";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchBrowser, openPage } from "./browser.js";
import { serveFiles } from "./serve.js";
import type * as Plugins from "../packages/unplugin/src/index.js";

const app = `import { loadPipeline } from "phaseskip";
import { worker } from "@phaseskip/unplugin/worker";

globalThis.drawBuilt = async () => {
  const pipeline = await loadPipeline("/models/tiny-text-ts/", { worker, device: "wasm" });
  const { images } = await pipeline.generate({ prompt: "a red boat", seed: 7, numInferenceSteps: 3 });
  pipeline.dispose();
  return [...images[0].data];
};
`;
const page = (script: string) =>
  `<!doctype html><link rel="icon" href="data:,"><script type="module" src="${script}"></script>`;

declare global {
  var drawBuilt: () => Promise<number[]>;
}

let browser: Browser | undefined;
let folder: string;
let plugins: typeof Plugins;
let entry: string;

beforeAll(async () => {
  browser = await launchBrowser([], false);
  // inside the repository, where packages are found
  await mkdir("out", { recursive: true });
  folder = resolve(await mkdtemp("out/unplugin-"));
  entry = join(folder, "main.js");
  await writeFile(entry, app);
  await writeFile(join(folder, "index.html"), page("./main.js"));
  const built = resolve("packages/unplugin/dist/index.js");
  plugins = (await import(pathToFileURL(built).href)) as typeof Plugins;
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

const builds: Record<string, (outdir: string) => Promise<unknown>> = {
  esbuild: (outdir) =>
    esbuildBuild({
      ...{ entryPoints: [entry], outdir, bundle: true, format: "esm" },
      plugins: [plugins.esbuild()],
    }),
  rollup: async (dir) => {
    const bundle = await rollup({
      input: entry,
      plugins: [nodeResolve({ browser: true }), plugins.rollup()],
    });
    await bundle.write({ dir, entryFileNames: "main.js" });
  },
  webpack: (path) =>
    new Promise<void>((done, fail) => {
      webpack(
        {
          ...{ mode: "production", entry, output: { path } },
          plugins: [plugins.webpack()],
        },
        (error, stats) => {
          const wrong = error ?? stats?.compilation.errors[0];
          if (wrong) fail(wrong);
          else done();
        },
      );
    }),
  vite: (outDir) =>
    viteBuild({
      ...{ root: folder, logLevel: "error", configFile: false },
      build: { outDir },
      plugins: [plugins.vite()],
    }),
};

let expected: number[] | undefined;

/** Opens a page of an app, and draws. */
async function draw(url: string): Promise<number[]> {
  const { page: opened, errors } = await openPage(browser!, url);
  await opened.waitForFunction(() => "drawBuilt" in globalThis);
  const picture = await opened.evaluate(() => drawBuilt());
  expect(errors).toEqual([]);
  await opened.close();
  return picture;
}

test.each(Object.keys(builds))(
  "an app built by %s draws",
  async (name) => {
    if (!browser) return test.skip("there is no Chromium");
    const outdir = join(folder, name);
    await builds[name]!(outdir);
    expect(await readdir(join(outdir, "phaseskip"))).toEqual(
      expect.arrayContaining([
        "phaseskip.worker.js",
        "ort-wasm-simd-threaded.wasm",
      ]),
    );
    const served = await serveFiles({
      ...(name !== "vite" && { pages: { "/": page("/main.js") } }),
      folders: { "/models/": "models", "/": outdir },
    });
    try {
      const index = name === "vite" ? "index.html" : "";
      const picture = await draw(`${served.origin}/${index}`);
      expected ??= picture;
      expect(new Set(picture).size).toBeGreaterThan(10);
      expect(picture).toEqual(expected);
    } finally {
      await served.close();
    }
  },
  300_000,
);

test("Vite's development server has the worker, too", async () => {
  const server = await createServer({
    ...{ root: folder, logLevel: "error", configFile: false },
    appType: "mpa", // a file that is missing is a 404, no page
    plugins: [plugins.vite({ folder: "worker-files" })],
    server: { port: 0 },
  });
  try {
    await server.listen();
    const origin = server.resolvedUrls!.local[0]!;
    const file = await fetch(`${origin}worker-files/phaseskip.worker.js`);
    expect(file.headers.get("content-type")).toBe("text/javascript");
    const module = await server.transformRequest("@phaseskip/unplugin/worker");
    expect(module?.code).toContain('"/worker-files/"');
    expect((await fetch(`${origin}worker-files/none.js`)).ok).toBe(false);
  } finally {
    await server.close();
  }
}, 300_000);
