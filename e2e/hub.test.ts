// A model by its name in a page of another origin: what a browser itself asks, sends and lets see between a hub, its
// storage and a page, under the policy of docs/hub.md.
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import type { Browser } from "playwright";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchBrowser, openPage } from "./browser.js";
import { serveHub, type HubServer } from "./hub-server.js";
import { serveFiles, type Served } from "./serve.js";

const page = `<!doctype html>
<link rel="icon" href="data:,">
<script type="module">
  import { loadPipeline } from "/phaseskip/phaseskip.js";
  window.drawNamed = async (hub, model) => {
    let asked = 0;
    const totals = [];
    const pipeline = await loadPipeline(model, {
      worker: () => new Worker("/phaseskip/phaseskip.worker.js", { type: "module" }),
      device: "wasm",
      hub,
      token: async () => (asked++, "mine"),
      onProgress: ({ kind, modelTotal }) => totals.push([kind, modelTotal]),
    });
    const { images } = await pipeline.generate({ prompt: "a red boat", seed: 7, numInferenceSteps: 2 });
    pipeline.dispose();
    return { colours: new Set(images[0].data).size, asked, totals };
  };
</script>`;

interface Drawn {
  readonly colours: number;
  readonly asked: number;
  readonly totals: readonly (readonly [kind: string, total: number])[];
}

declare global {
  var drawNamed: (hub: string, model: string) => Promise<Drawn>;
}

let hub: HubServer;
let app: Served;
let browser: Browser | undefined;

beforeAll(async () => {
  hub = await serveHub();
  const folder = "models/tiny-text-ts";
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== "phaseskip.json")
    .map((entry) => join(entry.parentPath, entry.name));
  hub.models.set("someone/tiny", {
    files: Object.fromEntries(
      files.map((file) => [relative(folder, file), readFileSync(file)]),
    ),
    large: ["unet/model.onnx"],
    gated: "mine",
    faults: { "unet/model.onnx": { breakAfter: 200_000, times: 1 } },
  });
  const policy = [
    "default-src 'none'",
    "script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'", // 'unsafe-inline' is the test page's own script
    "worker-src 'self'",
    `connect-src 'self' ${hub.origin} ${hub.storage}`,
    "img-src data:",
  ].join("; ");
  app = await serveFiles({
    pages: { "/": page },
    folders: { "/phaseskip/": "packages/phaseskip/dist/prebuilt" },
    headers: { "Content-Security-Policy": policy },
  });
  browser = await launchBrowser([], false);
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await app.close();
  await hub.close();
});

test("a gated model of a hub is loaded, broken off and resumed, and cached", async () => {
  if (!browser) return test.skip("there is no Chromium");
  const { page: opened, errors } = await openPage(browser, app.origin);
  expect(hub.requests).toEqual([]);
  const draw = () =>
    opened.evaluate(
      ([origin, name]) => drawNamed(origin!, name!),
      [hub.origin, "someone/tiny"],
    );
  const first = await draw();
  expect(first.colours).toBeGreaterThan(10);
  expect(first.asked).toBeGreaterThan(1);
  expect(hub.requests.filter((line) => / bytes=\d+-$/.test(line))).toEqual([
    expect.stringMatching(/GET \/someone\/tiny\/resolve\/main\/unet/),
    expect.stringMatching(/^storage GET/),
  ]);
  const totals = new Set(first.totals.map(([, total]) => total));
  expect(totals.size).toBe(1);
  hub.requests.length = 0;
  const second = await draw();
  expect(second.colours).toBe(first.colours);
  expect(hub.requests.filter((line) => !line.includes("/api/"))).toEqual([]);
  // the cut connection is the console's own complaint
  expect(errors.filter((error) => !/ERR_|Failed to load/.test(error))).toEqual(
    [],
  );
  await opened.close();
}, 300_000);
