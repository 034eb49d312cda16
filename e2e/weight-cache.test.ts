// The weight cache in real tabs of a real browser: tabs that close, two at once, full storage, no network.
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import type { Browser, BrowserContext, Page } from "playwright";
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
} from "vitest";
import { launchBrowser, launchProfile } from "./browser.js";
import type {} from "./cache-page.js";
import { serveFaults, type FaultServer, type Served } from "./fault-server.js";

const digestOf = (bytes: Uint8Array) =>
  createHash("sha256").update(bytes).digest("hex");

/** Bytes of which no two stretches are alike. */
function bytesOf(size: number, seed: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let i = 0, state = seed; i + 4 <= size; i += 4) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes.writeUInt32LE(state, i);
  }
  return bytes;
}

const MIB = 2 ** 20;
const graph = bytesOf(MIB / 2, 1);
const weights = bytesOf(6 * MIB, 2);
const paths = ["unet/model.onnx", "unet/weights.bin"];
const digests = {
  "unet/model.onnx": digestOf(graph),
  "unet/weights.bin": digestOf(weights),
};
const files = (): Record<string, Served> => ({
  "unet/model.onnx": { body: graph, etag: '"g1"', ranges: true },
  "unet/weights.bin": { body: weights, etag: '"w1"', ranges: true },
});

/** A name that is no secure context. */
const plainHost = "phaseskip.test";
let browser: Browser | undefined;
/** The app's own server: it stays when the model's server goes. */
let app: FaultServer;
let server: FaultServer;
let context: BrowserContext;

beforeAll(async () => {
  const script = await build({
    entryPoints: ["e2e/cache-page.ts"],
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
    conditions: ["@phaseskip/source"],
    logLevel: "error",
  });
  const page = `<!doctype html><link rel="icon" href="data:,"><script type="module">${script.outputFiles[0]!.text}</script>`;
  app = await serveFaults({ pages: { "/": page } });
  browser = await launchBrowser([
    `--host-resolver-rules=MAP ${plainHost} 127.0.0.1`,
  ]);
}, 60_000);

afterAll(async () => {
  await browser?.close();
  await app?.close();
});

beforeEach(async ({ skip }) => {
  if (!browser) return skip("there is no Chromium");
  server = await serveFaults({ files: files() });
  context = await browser.newContext();
});

afterEach(async () => {
  await context?.close();
  await server?.close();
});

async function openTab(origin = app.origin): Promise<Page> {
  const page = await context.newPage();
  await page.goto(origin);
  await page.waitForFunction(() => "cachePage" in globalThis);
  return page;
}

const load = (page: Page, url = server.url, chunkBytes = 2 ** 16) =>
  page.evaluate(([from, of, size]) => cachePage.load(from, of, size), [
    url,
    paths,
    chunkBytes,
  ] as const);

const fetched = () =>
  server.requests.filter(
    (line) => line.startsWith("GET") && !line.includes("phaseskip.json"),
  );

describe("the weight cache in Chromium", { timeout: 120_000 }, () => {
  test("the model is whole after thirty tabs that closed in the middle of its download", async () => {
    server.fault("unet/weights.bin", { bytesPerSecond: MIB });
    for (let tab = 0; tab < 30; tab++) {
      const page = await openTab();
      const begun = server.requests.length;
      void load(page).catch(() => undefined);
      while (
        !server.requests
          .slice(begun)
          .some((line) => line.startsWith("GET unet/weights.bin"))
      )
        await new Promise((resolve) => setTimeout(resolve, 10));
      await new Promise((resolve) => setTimeout(resolve, 10 * tab));
      await page.close({ runBeforeUnload: false });
    }
    const page = await openTab();
    expect(await page.evaluate(() => cachePage.listModels())).toMatchObject([
      { files: 1, unfinishedFiles: 1, isWhole: false },
    ]);
    server.fault("unet/weights.bin", {});
    expect((await load(page)).digests).toEqual(digests);
    // the tabs' work was not lost
    const last = fetched().at(-1)!;
    expect(Number(/bytes=(\d+)-/.exec(last)?.[1])).toBeGreaterThan(MIB);
    expect(await page.evaluate(() => cachePage.listModels())).toMatchObject([
      { files: 2, bytes: 6.5 * MIB, unfinishedFiles: 0, isWhole: true },
    ]);
  });

  test("two tabs at once fetch a model once", async () => {
    server.fault("unet/weights.bin", { bytesPerSecond: 6 * MIB });
    const tabs = [await openTab(), await openTab()];
    const loads = await Promise.all(tabs.map((tab) => load(tab)));
    for (const { digests: got } of loads) expect(got).toEqual(digests);
    expect(fetched()).toEqual(paths.map((path) => `GET ${path}`));
    const kinds = loads.flatMap(({ progress }) =>
      progress.map(({ kind }) => kind),
    );
    expect(kinds).toContain("waiting");
  });

  test("where the tab that downloads closes, the one that waits goes on from there", async () => {
    server.fault("unet/weights.bin", { bytesPerSecond: 1.5 * MIB });
    const [first, second] = [await openTab(), await openTab()];
    void load(first).catch(() => undefined);
    await first.waitForFunction(() =>
      cachePage
        .news()
        .some((news) => news.kind === "download" && news.loaded > 2 ** 21),
    );
    const waiting = load(second);
    await second.waitForFunction(() =>
      cachePage.news().some(({ kind }) => kind === "waiting"),
    );
    await first.close();
    expect((await waiting).digests).toEqual(digests);
    const resumed = /^GET unet\/weights.bin bytes=(\d+)-$/.exec(
      fetched().at(-1)!,
    );
    expect(Number(resumed?.[1])).toBeGreaterThanOrEqual(MIB);
  });

  test("the second load needs no network, also in a new tab", async () => {
    await load(await openTab());
    await server.close();
    const { digests: got, progress } = await load(await openTab());
    expect(got).toEqual(digests);
    expect(progress.map(({ kind }) => kind)).toContain("offline");
  });

  test("a flipped bit is found and mended", async () => {
    const page = await openTab();
    await load(page);
    await page.evaluate((path) => cachePage.flipBit(path), paths[1]!);
    server.requests.length = 0;
    const { digests: got, progress } = await load(await openTab());
    expect(got).toEqual(digests);
    expect(progress.filter(({ kind }) => kind === "mended")).toHaveLength(1);
    expect(fetched()).toEqual([`GET ${paths[1]} bytes=0-${2 ** 16 - 1}`]);
    server.requests.length = 0;
    expect((await load(await openTab())).digests).toEqual(digests);
    expect(fetched()).toEqual([]);
  });

  describe("where storage is full", () => {
    // Before anything is stored: the browser remembers for a while how much room there was.
    const overrideQuota = async (page: Page, quotaSize: number) => {
      const session = await context.newCDPSession(page);
      await session.send("Storage.overrideQuotaForOrigin", {
        origin: app.origin,
        quotaSize,
      });
    };
    let other: FaultServer;
    let profile: string;
    beforeEach(async () => {
      other = await serveFaults({ files: files() });
      profile = await mkdtemp(join(tmpdir(), "phaseskip-"));
      await context.close();
      context = (await launchProfile(profile))!;
    });
    afterEach(async () => {
      await context.close();
      await other.close();
      await rm(profile, { recursive: true });
    });

    test("the model that was used least recently makes room", async () => {
      const page = await openTab();
      await overrideQuota(page, 10 * MIB);
      await load(page, other.url, MIB);
      await page.evaluate((url) => cachePage.close(url), other.url);
      const { digests: got, progress } = await load(page, server.url, MIB);
      expect(got).toEqual(digests);
      const kinds = new Set(progress.map(({ kind }) => kind));
      expect(kinds).toContain("evicted");
      expect(kinds).not.toContain("uncached");
      expect(await page.evaluate(() => cachePage.listModels())).toMatchObject([
        { location: server.url, isWhole: true },
      ]);
    });

    test("one that another tab has open stays, and the new one runs from memory", async () => {
      const page = await openTab();
      await overrideQuota(page, 10 * MIB);
      await load(page, other.url, MIB);
      const { digests: got, progress } = await load(
        await openTab(),
        server.url,
        MIB,
      );
      expect(got).toEqual(digests);
      const kinds = new Set(progress.map(({ kind }) => kind));
      expect(kinds).not.toContain("evicted");
      expect(kinds).toContain("uncached");
      const models = await page.evaluate(() => cachePage.listModels());
      expect(
        models.find(({ location }) => location === other.url),
      ).toMatchObject({ isWhole: true });
    });
  });

  test("deleteModel() takes a model away under an open one, which goes on by fetching", async () => {
    const [page, deleting] = [await openTab(), await openTab()];
    await load(page);
    expect(
      await deleting.evaluate((url) => cachePage.deleteModel(url), server.url),
    ).toBe(6.5 * MIB);
    server.requests.length = 0;
    expect(
      await page.evaluate(([url, path]) => cachePage.digest(url, path), [
        server.url,
        paths[1]!,
      ] as const),
    ).toBe(digests["unet/weights.bin"]);
    expect(fetched().length).toBeGreaterThan(10);
    expect(await page.evaluate(() => cachePage.listModels())).toEqual([]);
  });

  test.each<[string, string]>([
    ["is missing", "delete globalThis.indexedDB"],
    [
      "throws as it opens",
      "IDBFactory.prototype.open = () => { throw new DOMException('no', 'SecurityError'); }",
    ],
    ["never opens", "IDBFactory.prototype.open = () => ({})"],
    [
      "refuses to store",
      "IDBObjectStore.prototype.put = () => { throw new DOMException('no', 'DataCloneError'); }",
    ],
  ])(
    "runs from memory where IndexedDB %s, as in private windows",
    async (_, script) => {
      await context.addInitScript(script);
      const { digests: got, progress } = await load(await openTab());
      expect(got).toEqual(digests);
      expect(progress.map(({ kind }) => kind)).toContain("uncached");
      expect(fetched()).toHaveLength(2);
    },
  );

  test("outside a secure context it keeps what it fetches, and says once that nothing is verified", async () => {
    const origin = app.origin.replace("127.0.0.1", plainHost);
    const page = await openTab(origin);
    expect(await page.evaluate(() => isSecureContext)).toBe(false);
    const { progress, digests: got } = await load(page);
    expect(progress.filter(({ kind }) => kind === "insecure")).toHaveLength(1);
    server.requests.length = 0;
    const again = await load(await openTab(origin));
    expect(again.digests).toEqual(got);
    expect(fetched()).toEqual([]);
  });

  test("a server that does not let pages see ETag and Content-Range still fills the cache", async () => {
    const hidden = await serveFaults({ files: files(), exposes: [] });
    for (const file of hidden.files.values())
      file.lastModified = "Wed, 21 Oct 2015 07:28:00 GMT";
    hidden.fault("unet/weights.bin", { breakAfter: 3 * MIB, times: 1 });
    try {
      const page = await openTab();
      expect((await load(page, hidden.url)).digests).toEqual(digests);
      hidden.requests.length = 0;
      expect((await load(await openTab(), hidden.url)).digests).toEqual(
        digests,
      );
      expect(hidden.requests.some((line) => line.startsWith("GET unet"))).toBe(
        false,
      );
    } finally {
      await hidden.close();
    }
  });
});
