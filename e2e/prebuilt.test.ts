// The prebuilt folder in a page without a bundler, under the strictest policy that it needs.
import type { Browser } from "playwright";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launchBrowser, openPage } from "./browser.js";
import { serveFiles, type Served } from "./serve.js";

const policy = [
  "default-src 'none'",
  "script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'", // 'unsafe-inline' is the test page's own script
  "worker-src 'self'",
  "connect-src 'self'",
  "img-src data:", // the test page's icon
].join("; ");

const page = `<!doctype html>
<link rel="icon" href="data:,">
<script type="module">
  import { loadPipeline } from "/phaseskip/phaseskip.js";
  window.draw = async (options) => {
    const pipeline = await loadPipeline("/models/tiny-text-ts/", {
      worker: () => new Worker("/phaseskip/phaseskip.worker.js", { type: "module" }),
      device: options.device,
    });
    const { images, report } = await pipeline.generate({ prompt: "a red boat", seed: 7, numInferenceSteps: 3 });
    pipeline.dispose();
    const [{ data, width, height }] = images;
    return { data: [...data], width, height, device: report.device };
  };
</script>`;

interface Drawn {
  data: number[];
  width: number;
  height: number;
  device: string;
}

declare global {
  var draw: (options: { device: string }) => Promise<Drawn>;
}

let served: Served;
let browser: Browser | undefined;

beforeAll(async () => {
  served = await serveFiles({
    pages: { "/": page },
    folders: {
      "/phaseskip/": "packages/phaseskip/dist/prebuilt",
      "/models/": "models",
    },
    headers: { "Content-Security-Policy": policy },
  });
  browser = await launchBrowser();
}, 60_000);

afterAll(async () => {
  await browser?.close();
  await served?.close();
});

describe.each([
  [
    "wasm",
    "ort-wasm-simd-threaded.wasm",
    "ort-wasm-simd-threaded.asyncify.wasm",
  ],
  [
    "webgpu",
    "ort-wasm-simd-threaded.asyncify.wasm",
    "ort-wasm-simd-threaded.wasm",
  ],
])("the prebuilt folder on %s", (device, used, unused) => {
  test("draws a picture under a policy without eval, blob: and foreign origins", async ({
    skip,
  }) => {
    if (!browser) return skip("there is no Chromium");
    const before = served.requested.length;
    const { page, errors } = await openPage(browser, served.origin);
    const hasAdapter = await page.evaluate(async () =>
      Boolean(await navigator.gpu?.requestAdapter()),
    );
    skip(
      device === "webgpu" && !hasAdapter,
      "this Chromium gives no WebGPU adapter",
    );
    await page
      .waitForFunction(() => "draw" in globalThis, { timeout: 10_000 })
      .catch((cause: unknown) => {
        throw new Error(`Cannot load the page's part: ${errors.join("; ")}`, {
          cause,
        });
      });
    const { data, width, height, ...report } = await page.evaluate(
      (options) => globalThis.draw(options),
      { device },
    );
    await page.close();
    expect(errors).toEqual([]);
    expect(report.device).toBe(device);
    expect(data).toHaveLength(width * height * 4);
    expect(new Set(data).size).toBeGreaterThan(8); // a picture, no flat colour
    const requested = served.requested.slice(before);
    expect(requested).toContain(`/phaseskip/${used}`);
    expect(requested).not.toContain(`/phaseskip/${unused}`);
  }, 120_000);
});
