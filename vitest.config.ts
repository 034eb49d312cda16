// The suffix of a test file says the machine it needs, and so the projects it runs in:
//   .test.ts          node
//   .browser.test.ts  browser and browser-isolated (the same files under COOP and COEP: WASM threads)
//   .webgpu.test.ts   webgpu (a WebGPU adapter; without a GPU Chromium's own, SwiftShader)
// e2e/ tests what was built. PHASESKIP_BUILT=1 runs the same files against dist.
import { playwright } from "@vitest/browser-playwright";
import type { Plugin } from "vite";
import {
  defineConfig,
  type TestProjectInlineConfiguration,
} from "vitest/config";
import { findChromium } from "./scripts/find-chromium.mjs";
import { isBuilt, readDist } from "./scripts/read-dist.mjs";

const source = isBuilt ? [] : ["@phaseskip/source"];
const chromium = findChromium();

const browserOnly = [
  "packages/*/test/**/*.browser.test.ts",
  "packages/*/test/**/*.webgpu.test.ts",
];

const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

const readBuilt: Plugin = {
  name: "read-dist",
  enforce: "pre",
  transform: readDist,
};

/** Times are no test's business: only what hangs runs into this, in ms, also on a busy machine. */
const patience = 300_000;

const node: TestProjectInlineConfiguration = {
  plugins: [readBuilt],
  ssr: {
    resolve: {
      conditions: [...source, "module", "node", "development|production"],
    },
  },
  test: {
    name: "node",
    include: [
      "packages/*/test/**/*.test.ts",
      "scripts/**/*.test.mjs",
      "fuzz/**/*.test.ts",
    ],
    exclude: browserOnly,
    testTimeout: patience,
    hookTimeout: patience,
    // worker threads inherit these, and so start from TypeScript too
    execArgv: [
      ...source.map((condition) => `--conditions=${condition}`),
      `--import=${new URL("./scripts/source-hooks.mjs", import.meta.url).href}`,
    ],
  },
};

const browser = (
  name: string,
  include: string,
  headers: Record<string, string> = {},
  args: string[] = [],
): TestProjectInlineConfiguration => ({
  plugins: [readBuilt],
  appType: "mpa", // a file that is missing is a 404, no page
  resolve: {
    conditions: [...source, "module", "browser", "development|production"],
  },
  optimizeDeps: {
    exclude: ["onnxruntime-web"], // finds its .wasm by import.meta.url
    // all that workers import: found late, each would reload the page in the middle of a test
    include: [
      ...["comlink", "idb-keyval", "@huggingface/tokenizers", "pbf"],
      ...["react", "react-dom/client"],
    ],
  },
  server: { headers },
  test: {
    name,
    include: [include],
    provide: { isolated: headers === isolation },
    fileParallelism: false,
    testTimeout: patience,
    hookTimeout: patience,
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({
        launchOptions: {
          ...(chromium ? { executablePath: chromium } : {}),
          args: [
            ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
            ...args,
          ],
        },
      }),
      instances: [{ browser: "chromium" }],
    },
  },
});

declare module "vitest" {
  interface ProvidedContext {
    /** Whether the test's page is cross-origin isolated. */
    isolated: boolean;
  }
}

export default defineConfig({
  test: {
    projects: [
      node,
      {
        ...node,
        test: { ...node.test, name: "e2e", include: ["e2e/**/*.test.ts"] },
      },
      browser("browser", "packages/*/test/**/*.browser.test.ts"),
      browser(
        "browser-isolated",
        "packages/*/test/**/*.browser.test.ts",
        isolation,
      ),
      browser("webgpu", "packages/*/test/**/*.webgpu.test.ts", {}, [
        "--enable-unsafe-webgpu",
      ]),
    ],
  },
});
