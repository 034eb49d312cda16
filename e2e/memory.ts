// npm run bench:memory [RUNS]: what a page and its worker hold after 3 runs and after many more, in Chromium.
import type { Browser } from "playwright";
import { launchBrowser, openPage } from "./browser.js";
import { serveFiles } from "./serve.js";

const page = `<!doctype html><link rel="icon" href="data:,"><script type="module">
  import { loadPipeline } from "/phaseskip/phaseskip.js";
  const pipeline = await loadPipeline("/models/tiny-text-ts/", {
    worker: () => new Worker("/phaseskip/phaseskip.worker.js", { type: "module" }),
    device: "wasm",
  });
  const plan = {
    format: "phaseskip-plan", version: 1, phases: [],
    rules: [{ units: ["up_blocks.1"], action: "reuse", refresh: { every: 2 } }],
  };
  window.drawMany = async (count) => {
    for (let seed = 0; seed < count; seed++) {
      const request = { prompt: "a red boat", seed, numInferenceSteps: 4, preview: 2, plan: seed % 2 ? plan : "none" };
      for await (const step of pipeline.denoise(request)) void step;
    }
    return (await performance.measureUserAgentSpecificMemory()).bytes;
  };
</script>`;

declare global {
  var drawMany: (count: number) => Promise<number>;
}

/** Bytes that a page and its worker hold, JavaScript's and WebAssembly's, after each of these numbers of runs. */
export async function memoryAfter(
  browser: Browser,
  runs: readonly number[],
): Promise<number[]> {
  const served = await serveFiles({
    pages: { "/": page },
    folders: {
      "/phaseskip/": "packages/phaseskip/dist/prebuilt",
      "/models/": "models",
    },
    headers: {
      "Cross-Origin-Opener-Policy": "same-origin",
      "Cross-Origin-Embedder-Policy": "require-corp",
    },
  });
  try {
    const opened = await openPage(browser, served.origin);
    await opened.page.waitForFunction(() => "drawMany" in globalThis);
    const bytes: number[] = [];
    let done = 0;
    for (const count of runs) {
      bytes.push(
        await opened.page.evaluate(
          (more) => globalThis.drawMany(more),
          count - done,
        ),
      );
      done = count;
    }
    await opened.page.close();
    return bytes;
  } finally {
    await served.close();
  }
}

/** Lets Chromium measure at once instead of at its next collection of garbage. */
export const measureAtOnce = "--enable-blink-features=ForceEagerMeasureMemory";

if (process.argv[1]?.endsWith("memory.ts")) {
  const browser = await launchBrowser([measureAtOnce]);
  if (!browser)
    throw new Error("Cannot measure memory as there is no Chromium");
  const runs = Number(process.argv[2] ?? 100);
  const [few = NaN, many = NaN] = await memoryAfter(browser, [3, runs]);
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  console.log(
    `memory after ${runs} runs ÷ after 3: ${(many / few).toFixed(3)} (${megabytes(many)} ÷ ${megabytes(few)}), goal ≤ 1.02`,
  );
  await browser.close();
}
