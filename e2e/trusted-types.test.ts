// A page that demands Trusted Types: its own worker comes from a policy of its own, the element's from `phaseskip`'s.
import type { Browser } from "playwright";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchBrowser, openPage } from "./browser.js";
import { serveFiles, type Served } from "./serve.js";

const policy = [
  "default-src 'none'",
  "script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'", // 'unsafe-inline' is the test page's own script
  "style-src 'unsafe-inline'",
  "worker-src 'self'",
  "connect-src 'self'",
  "img-src data:", // the test page's icon
  "require-trusted-types-for 'script'",
  "trusted-types phaseskip app",
].join("; ");

const element = (workerSrc: string) => `<!doctype html>
<link rel="icon" href="data:,">
<script type="module">
  import "/phaseskip/phaseskip.element.js";
  const image = document.querySelector("phaseskip-image");
  image.addEventListener("phaseskip-image", () => (window.outcome = "drawn"));
  image.addEventListener("phaseskip-error", ({ detail }) => (window.outcome = detail.cause?.message ?? detail.message));
</script>
<phaseskip-image model="/models/tiny-text-ts/" worker-src="${workerSrc}" device="wasm" prompt="a red boat" seed="7" steps="3"></phaseskip-image>`;

const app = `<!doctype html>
<link rel="icon" href="data:,">
<script type="module">
  import { loadPipeline } from "/phaseskip/phaseskip.js";
  const own = trustedTypes.createPolicy("app", { createScriptURL: (url) => url });
  const pipeline = await loadPipeline("/models/tiny-text-ts/", {
    worker: () => new Worker(own.createScriptURL("/phaseskip/phaseskip.worker.js"), { type: "module" }),
    device: "wasm",
  });
  await pipeline.generate({ prompt: "a red boat", seed: 7, numInferenceSteps: 3 });
  pipeline.dispose();
  window.outcome = "drawn";
</script>`;

let served: Served;
let browser: Browser | undefined;

beforeAll(async () => {
  served = await serveFiles({
    pages: {
      "/element": element("/phaseskip/phaseskip.worker.js"),
      "/elsewhere": element("data:text/javascript,1"),
      "/app": app,
    },
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

test.each([
  ["the element draws", "/element", /^drawn$/],
  ["an app draws", "/app", /^drawn$/],
  [
    "the element starts no worker from elsewhere",
    "/elsewhere",
    /must be on the page's own origin/,
  ],
])(
  "%s under Trusted Types",
  async (_, path, says) => {
    if (!browser) throw new Error("there is no Chromium");
    const { page, errors } = await openPage(browser, served.origin + path);
    const outcome = await page.waitForFunction(
      () => (globalThis as { outcome?: string }).outcome,
      { timeout: 60_000 },
    );
    expect(await outcome.jsonValue()).toMatch(says);
    await page.close();
    if (says.test("drawn")) expect(errors).toEqual([]);
  },
  120_000,
);
