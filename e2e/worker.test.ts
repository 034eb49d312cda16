// What happens to pages of the prebuilt folder: policies that block it, files that are missing, tabs that sleep, and
// long sessions.
import type { Browser, Page } from "playwright";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchBrowser, openPage } from "./browser.js";
import { memoryAfter } from "./bench/memory.js";
import { serveFiles, type Served } from "./serve.js";

const pageWith = (policy: string) => `<!doctype html>
<meta http-equiv="Content-Security-Policy" content="${policy}">
<link rel="icon" href="data:,">
<script type="module">
  import { loadPipeline } from "/phaseskip/phaseskip.js";
  window.steps = 0;
  window.draw = async ({ wasmless, numInferenceSteps = 3 }) => {
    const folder = wasmless ? "/wasmless/" : "/phaseskip/";
    try {
      const pipeline = await loadPipeline("/models/tiny-text-ts/", {
        worker: () => new Worker(folder + "phaseskip.worker.js", { type: "module" }),
        device: "wasm",
      });
      const onStep = () => window.steps++;
      const { images } = await pipeline.generate({ prompt: "a red boat", numInferenceSteps, onStep });
      pipeline.dispose();
      return { images: images.length };
    } catch ({ code, message }) {
      return { code, message };
    }
  };
</script>`;

interface DrawOptions {
  readonly wasmless?: boolean;
  readonly numInferenceSteps?: number;
}

interface Drawn {
  readonly images?: number;
  readonly code?: string;
  readonly message?: string;
}

const inPage = (page: Page, options: DrawOptions) =>
  page.evaluate(
    (given) =>
      (
        globalThis as unknown as {
          draw: (options: DrawOptions) => Promise<Drawn>;
        }
      ).draw(given),
    options,
  );

let served: Served;
let browser: Browser | undefined;

beforeAll(async () => {
  served = await serveFiles({
    pages: {
      "/": pageWith(
        "default-src 'self' 'unsafe-inline' 'wasm-unsafe-eval' data:",
      ),
      "/no-workers": pageWith(
        "default-src 'self' 'unsafe-inline' 'wasm-unsafe-eval' data:; worker-src 'none'",
      ),
      // the worker's files without ONNX Runtime beside them
      "/wasmless/ort.wasm.bundle.min.mjs": "<!doctype html>",
    },
    folders: {
      "/phaseskip/": "packages/phaseskip/dist/prebuilt",
      "/wasmless/": "packages/phaseskip/dist/prebuilt",
      "/models/": "models",
    },
  });
  browser = await launchBrowser();
}, 60_000);

afterAll(async () => {
  await browser?.close();
  await served?.close();
});

async function open(path: string): Promise<Page> {
  const { page } = await openPage(browser!, served.origin + path);
  await page.waitForFunction(() => "draw" in globalThis);
  return page;
}

test("a worker that the policy blocks is worker-lost", async ({ skip }) => {
  if (!browser) return skip("there is no Chromium");
  const page = await open("/no-workers");
  expect(await inPage(page, {})).toMatchObject({
    code: "worker-lost",
    message: expect.stringMatching(/content security policy/) as string,
  });
  await page.close();
});

test("ONNX Runtime's files missing is fetch-failed, and says where they must be", async ({
  skip,
}) => {
  if (!browser) return skip("there is no Chromium");
  const page = await open("/");
  expect(await inPage(page, { wasmless: true })).toMatchObject({
    code: "fetch-failed",
    message: expect.stringMatching(/beside the file that imports it/) as string,
  });
  await page.close();
});

test("a page that is frozen in the middle of a run goes on when it is shown again", async ({
  skip,
}) => {
  if (!browser) return skip("there is no Chromium");
  const page = await open("/");
  const session = await page.context().newCDPSession(page);
  const steps = () =>
    page.evaluate(() => (globalThis as unknown as { steps: number }).steps);
  const drawing = inPage(page, { numInferenceSteps: 100 });
  await page.waitForFunction(
    () => (globalThis as unknown as { steps: number }).steps > 2,
  );
  await session.send("Page.setWebLifecycleState", { state: "frozen" });
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  await session.send("Page.setWebLifecycleState", { state: "active" });
  expect(await drawing).toEqual({ images: 1 });
  expect(await steps()).toBe(100);
  await page.close();
}, 120_000);

test("a run goes on at full speed while its page is hidden behind another tab", async ({
  skip,
}) => {
  if (!browser) return skip("there is no Chromium");
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(served.origin);
  await page.waitForFunction(() => "draw" in globalThis);
  const drawing = inPage(page, { numInferenceSteps: 50 });
  const other = await context.newPage();
  await other.bringToFront();
  expect(await drawing).toEqual({ images: 1 });
  await context.close();
}, 120_000);

test("memory after 40 runs is what it is after 3", async ({ skip }) => {
  const bytes = await memoryAfter([3, 40], true);
  if (!bytes) return skip("there is no Chromium");
  const [few = NaN, many = NaN] = bytes;
  expect(many / few).toBeLessThan(1.02);
}, 300_000);
