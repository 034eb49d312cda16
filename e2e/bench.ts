// npm run bench:browser MODEL PLAN…: the benchmark of the command in Chromium, on WASM with threads.
import { cpus } from "node:os";
import { build, type Plugin } from "esbuild";
import type { BenchRows } from "../packages/cli/src/bench-rows.js";
import { describeBench } from "../packages/cli/src/bench-table.js";
import { progress } from "../packages/cli/src/progress.js";
import { launchBrowser, openPage } from "./browser.js";
import { serveFiles } from "./serve.js";

const [model = "scenes", ...plans] = process.argv.slice(2);
const out = "build/bench";
/** ONNX Runtime stays a file of its own: it starts its threads from it. */
const ortBeside: Plugin = {
  name: "ort-beside",
  setup: ({ onResolve }) =>
    onResolve({ filter: /^#ort-/ }, () => ({
      path: "/onnxruntime-web/ort.wasm.bundle.min.mjs",
      external: true,
    })),
};
await build({
  entryPoints: ["e2e/bench-worker.ts"],
  bundle: true,
  format: "esm",
  platform: "browser",
  target: "es2022",
  conditions: ["@phaseskip/source"],
  plugins: [ortBeside],
  outdir: out,
  logLevel: "error",
});
const page = `<!doctype html><link rel="icon" href="data:,"><script type="module">
  window.bench = (request) => new Promise((resolve, reject) => {
    const worker = new Worker("/bench/bench-worker.js", { type: "module" });
    worker.onerror = (event) => reject(new Error(event.message));
    worker.onmessage = ({ data }) => {
      if (data.measured) resolve(data.measured);
      else if (data.error) reject(new Error(data.error));
      else console.info(JSON.stringify(data));
    };
    worker.postMessage(request);
  });
</script>`;

interface PairMessage {
  label: string;
  done: number;
  total: number;
}

declare global {
  var bench: (request: {
    location: string;
    plans: string[];
  }) => Promise<BenchRows>;
}

const served = await serveFiles({
  pages: { "/": page },
  folders: {
    "/models/": "models",
    "/bench/": out,
    "/onnxruntime-web/": "node_modules/onnxruntime-web/dist",
  },
  headers: {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
  },
});
const browser = await launchBrowser();
if (!browser)
  throw new Error("Cannot run the benchmark as there is no Chromium");
const shown = progress();
try {
  const opened = await openPage(browser, served.origin);
  opened.page.on("console", (message) => {
    if (message.type() !== "info") return;
    const { label, done, total } = JSON.parse(message.text()) as PairMessage;
    shown.show(label, done, total, `${done} of ${total}`);
  });
  const location = `${served.origin}/models/${model}/`;
  const measured = await opened.page.evaluate(
    (request) => globalThis.bench(request),
    { location, plans },
  );
  shown.clear();
  const machine = {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    engine: `Chromium ${browser.version()}`,
  };
  process.stdout.write(describeBench(measured, machine, process.stdout));
} finally {
  shown.clear();
  await browser.close();
  await served.close();
}
