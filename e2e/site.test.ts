// The built site in Chromium, under its own policy: every link, what the console and axe-core say of every page, at a phone's
// width and a desk's, light and dark; and the playground in it, which draws what a link says.
import { existsSync } from "node:fs";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import axe from "axe-core";
import type { Browser, Page } from "playwright";
import { afterAll, beforeAll, expect, test } from "vitest";
import { getCurrentTest } from "vitest/suite";
import { launchBrowser } from "./browser.js";
import { serveFiles, type Served } from "./serve.js";

const site = "docs/.vitepress/dist";
const isBuilt = existsSync(join(site, "_headers"));
const phone = { width: 390, height: 844 };
const desktop = { width: 1280, height: 900 };

let browser: Browser | undefined;
let served: Served;
let pages: string[];

beforeAll(async () => {
  if (!isBuilt) return;
  const files = await readdir(site, { recursive: true });
  pages = files.filter(
    (file) => file.endsWith(".html") && !/^(playground|404)/.test(file),
  );
  served = await serveSite();
  browser = await launchBrowser([], false);
});

afterAll(async () => {
  await browser?.close();
  await served?.close();
});

/** The site as a host that reads `_headers` serves it. */
async function serveSite(): Promise<Served> {
  const files = await readdir(site, { recursive: true });
  const lines = (await readFile(join(site, "_headers"), "utf8")).split("\n");
  const headers = Object.fromEntries<string>(
    lines.flatMap((line) => {
      const [, name, value] = /^ {2}([\w-]+): (.+)$/.exec(line) ?? [];
      return name !== undefined && value !== undefined
        ? [[name, value] as const]
        : [];
    }),
  );
  const indices = files.filter((file) => /(^|\/)index\.html$/.test(file));
  const pages = await Promise.all(
    indices.map(
      async (file) =>
        [
          `/${file.replace(/index\.html$/, "")}`,
          await readFile(join(site, file), "utf8"),
        ] as const,
    ),
  );
  return serveFiles({
    pages: Object.fromEntries(pages),
    folders: { "/": site },
    headers,
  });
}

/** A page of the site, watched: what the console or the network complains of is an error. */
async function visit(
  options: {
    readonly viewport?: { readonly width: number; readonly height: number };
    readonly colorScheme?: "light" | "dark";
  },
  act: (page: Page) => Promise<void>,
): Promise<void> {
  const { context: run } = getCurrentTest()!;
  if (!isBuilt) return run.skip("the site is not built: npm run site");
  if (!browser) return run.skip("there is no Chromium");
  const context = await browser.newContext({ viewport: desktop, ...options });
  const complaints: string[] = [];
  try {
    const page = await context.newPage();
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type()))
        complaints.push(`${page.url()}: ${message.text()}`);
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("request", (request) => {
      if (
        !/^(data:|blob:)/.test(request.url()) &&
        !request.url().startsWith(served.origin)
      )
        complaints.push(`${page.url()} asks ${request.url()}`);
    });
    await act(page);
  } finally {
    await context.close();
  }
  expect(complaints).toEqual([]);
}

test("every link leads to a page, and every anchor to a place on it", async () => {
  await visit({}, async (page) => {
    const hrefs = new Map<string, string>();
    const ids = new Map<string, ReadonlySet<string>>();
    for (const name of pages) {
      await page.goto(`${served.origin}/${name}`);
      const found = await page.evaluate(() => ({
        ids: [...document.querySelectorAll("[id]")].map(({ id }) => id),
        links: [...document.querySelectorAll("a[href]")].map(
          (link) => (link as HTMLAnchorElement).href,
        ),
      }));
      ids.set(new URL(page.url()).pathname, new Set(found.ids));
      for (const link of found.links) hrefs.set(link, name);
    }
    expect(pages.length).toBeGreaterThan(12);
    const broken: string[] = [];
    for (const [href, from] of hrefs) {
      const { origin, pathname, hash } = new URL(href);
      if (origin !== served.origin) continue;
      const place = pathname.endsWith("/") ? `${pathname}index.html` : pathname;
      if (!existsSync(join(site, decodeURIComponent(place))))
        broken.push(`${from}: ${href}`);
      const isPlayground = pathname.startsWith("/playground/");
      const anchors = ids.get(place);
      if (hash !== "" && !isPlayground && anchors)
        if (!anchors.has(decodeURIComponent(hash.slice(1))))
          broken.push(`${from}: ${href}`);
    }
    expect(broken).toEqual([]);
  });
});

test.each([
  ["light", phone],
  ["dark", phone],
  ["light", desktop],
  ["dark", desktop],
] as const)(
  "axe-core finds nothing in %s at %o, and nothing is off to the side",
  async (colorScheme, viewport) => {
    await visit({ colorScheme, viewport }, async (page) => {
      const found: string[] = [];
      for (const name of pages) {
        await page.goto(`${served.origin}/${name}`);
        // by the debugger, as the page's policy allows no script of ours
        await page.evaluate(axe.source);
        const { violations } = await page.evaluate(() =>
          (globalThis as unknown as { axe: typeof axe }).axe.run(),
        );
        for (const { id, nodes } of violations)
          found.push(
            `${name}: ${id}: ${nodes
              .slice(0, 3)
              .map(({ html }) => html.slice(0, 120))
              .join(" | ")}`,
          );
        const width = await page.evaluate(
          () => document.documentElement.scrollWidth,
        );
        if (width > viewport.width) found.push(`${name}: ${width} pixels wide`);
      }
      expect(found).toEqual([]);
    });
  },
);

test("pages are reached without loading anew, and what is searched for is found", async () => {
  await visit({}, async (page) => {
    await page.goto(served.origin);
    await page.getByRole("link", { name: "Errors", exact: true }).click();
    await page.getByRole("heading", { name: "Errors", level: 1 }).waitFor();
    await page.keyboard.press("Control+k");
    await page.locator("#localsearch-input").fill("device-lost");
    await page.locator("#localsearch-list li").first().waitFor();
  });
});

/** A link's settings: four steps, and a plan that does nothing. */
function linkTo(seed: number): string {
  const plan = { format: "phaseskip-plan", version: 1, phases: [], rules: [] };
  return new URLSearchParams({
    ...{ p: "a red boat", s: `${seed}`, n: "4", plan: JSON.stringify(plan) },
  }).toString();
}

test("a link to the playground draws what it says, on this device", async () => {
  await visit({}, async (page) => {
    await page.goto(`${served.origin}/playground/#${linkTo(7)}`);
    await page.getByText(/^Drawn by WebAssembly/).waitFor({ timeout: 240_000 });
    expect(await page.inputValue("[name=prompt]")).toBe("a red boat");
  });
});

test("after one visit pages are read, and the playground draws, without a network", async () => {
  const { context: run } = getCurrentTest()!;
  if (!isBuilt) return run.skip("the site is not built: npm run site");
  if (!browser) return run.skip("there is no Chromium");
  const own = await serveSite();
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    const isKept = () =>
      page.evaluate(async () => {
        const { active } = await navigator.serviceWorker.ready;
        return new Promise<string>((resolve) => {
          if (active!.state === "activated") resolve(active!.scriptURL);
          active!.addEventListener("statechange", () => {
            if (active!.state === "activated") resolve(active!.scriptURL);
          });
        });
      });
    const draw = async (seed: number) => {
      await page.goto(`${own.origin}/playground/#${linkTo(seed)}`);
      await page.reload(); // a hash alone loads nothing
      await page
        .getByText(/^Drawn by WebAssembly/)
        .waitFor({ timeout: 240_000 });
    };
    await page.goto(own.origin);
    expect(await isKept()).toBe(`${own.origin}/sw.js`);
    await draw(7);
    expect(await isKept()).toBe(`${own.origin}/playground/sw.js`);
    await own.close();
    await page.goto(`${own.origin}/errors.html`);
    await page.getByRole("heading", { name: "Errors", level: 1 }).waitFor();
    await page
      .getByRole("link", { name: "Start", exact: true })
      .first()
      .click();
    await page.getByRole("heading", { name: "Start", level: 1 }).waitFor();
    await draw(8);
  } finally {
    await context.close();
  }
});
