// npm run bench:browser MODEL PLAN…: the benchmark of the command in Chromium, on WASM with threads; then what a
// second load takes. `--load` measures that alone.
import { cpus } from "node:os";
import { build, type Plugin } from "esbuild";
import type { BenchRows } from "../../packages/cli/src/bench/bench-rows.js";
import { bootstrapMedianRatio, median } from "@phaseskip/metrics";
import { describeBench } from "../../packages/cli/src/bench/bench-table.js";
import { progress } from "../../packages/cli/src/terminal/progress.js";
import type { LoadTimes } from "./bench-load-worker.js";
import { launchBrowser, openPage } from "../browser.js";
import { serveFiles } from "../serve.js";

const isLoadAlone = process.argv.includes("--load");
const [model = "scenes", ...plans] = process.argv
  .slice(2)
  .filter((word) => word !== "--load");
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
  entryPoints: ["e2e/bench/bench-worker.ts", "e2e/bench/bench-load-worker.ts"],
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "browser",
  target: "es2022",
  conditions: ["@phaseskip/source"],
  plugins: [ortBeside],
  outdir: out,
  logLevel: "error",
});
const page = `<!doctype html><link rel="icon" href="data:,"><script type="module">
  window.bench = (script, request) => new Promise((resolve, reject) => {
    const worker = new Worker("/bench/" + script, { type: "module" });
    worker.onerror = (event) => reject(new Error(event.message));
    worker.onmessage = ({ data }) => {
      if (data.measured) resolve(data.measured);
      else if (data.error) reject(new Error(data.error));
      else console.info(JSON.stringify(data));
    };
    worker.postMessage(request);
  });
</script>`;

/** What a second load takes against its unavoidable parts: reading the bytes and making the sessions. */
function describeLoad({ ours, raw, bytes, sessions }: LoadTimes): string {
  const { value, lower, upper } = bootstrapMedianRatio(ours, raw);
  const times = `${median(ours).toFixed(0)} ms ÷ ${median(raw).toFixed(0)} ms`;
  const size = `${(bytes / 1e6).toFixed(1)} MB, ${sessions} sessions`;
  return `second load ÷ (reading ${size}): ${value.toFixed(3)} (${lower.toFixed(3)} to ${upper.toFixed(3)}; ${times}), goal ${lower <= 1.2 ? "≤" : ">"} 1.20\n`;
}

interface PairMessage {
  label: string;
  done: number;
  total: number;
}

declare global {
  var bench: (script: string, request: object) => Promise<unknown>;
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
  const measure = (script: string, request: object) =>
    opened.page.evaluate(([name, order]) => globalThis.bench(name, order), [
      script,
      request,
    ] as const);
  const rows = isLoadAlone
    ? undefined
    : ((await measure("bench-worker.js", { location, plans })) as BenchRows);
  const load = (await measure("bench-load-worker.js", {
    location,
    pairs: 30,
  })) as LoadTimes;
  shown.clear();
  const machine = {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    engine: `Chromium ${browser.version()}`,
  };
  if (rows) process.stdout.write(describeBench(rows, machine, process.stdout));
  process.stdout.write(describeLoad(load));
} finally {
  shown.clear();
  await browser.close();
  await served.close();
}
