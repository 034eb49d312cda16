// npm run bench:memory [RUNS]: what a page and its worker hold after 3 runs and after many more, in Chromium.
import { launchBrowser, openPage } from "../browser.js";
import { measureAtOnce, steadyCode } from "../engines/chromium-memory.js";
import { serveFiles } from "../serve.js";

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

/**
 * Bytes that a page and its worker hold, JavaScript's and WebAssembly's, after each of these numbers of runs;
 * undefined where there is no Chromium.
 * @param hasSteadyCode whether V8 keeps no more of code that runs often
 */
export async function memoryAfter(
  runs: readonly number[],
  hasSteadyCode: boolean,
): Promise<number[] | undefined> {
  const browser = await launchBrowser([
    measureAtOnce,
    ...(hasSteadyCode ? [steadyCode] : []),
  ]);
  if (!browser) return undefined;
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
    return bytes;
  } finally {
    await browser.close();
    await served.close();
  }
}

if (process.argv[1]?.endsWith("memory.ts")) {
  const runs = Number(process.argv[2] ?? 100);
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  for (const hasSteadyCode of [true, false]) {
    const bytes = await memoryAfter([3, runs], hasSteadyCode);
    if (!bytes)
      throw new Error("Cannot measure memory as there is no Chromium");
    const [few = NaN, many = NaN] = bytes;
    const what = hasSteadyCode
      ? "goal ≤ 1.02"
      : "no goal: with what V8 compiles of code that runs often";
    console.log(
      `memory after ${runs} runs ÷ after 3: ${(many / few).toFixed(3)} (${megabytes(many)} ÷ ${megabytes(few)}), ${what}`,
    );
  }
}
