// The playground in Chromium, as `phaseskip serve` hands it out and as a static site: what it draws, what it says, by
// keyboard alone, and what axe-core and the browser's own observers find.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import axe from "axe-core";
import type { Browser, BrowserContextOptions, Page } from "playwright";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchBrowser } from "./browser.js";
import { serveFiles } from "./serve.js";

const command = "packages/phaseskip/bin/phaseskip.js";
const phone = { width: 390, height: 844 };
const desktop = { width: 1280, height: 900 };

let serving: ChildProcess;
let origin: string;
let browser: Browser | undefined;

beforeAll(async () => {
  const models = ["models/scenes", "models/tiny-ddpm-ts"];
  serving = spawn(
    process.execPath,
    [command, "serve", ...models, "--port", "0"],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const [line] = (await once(serving.stdout!, "data")) as [Buffer];
  origin = line.toString().trim();
  browser = await launchBrowser([], false);
});

afterAll(async () => {
  await browser?.close();
  serving.kill("SIGINT");
});

declare global {
  /** Layout shifts that no input explains, as the browser scores them. */
  var layoutShift: number;
}

/** Opens the playground, hands it on, and asserts that it complained of nothing. */
async function visit(
  options: BrowserContextOptions,
  act: (page: Page) => Promise<void>,
  hash = "",
  url = origin,
): Promise<void> {
  if (!browser) return test.skip("there is no Chromium");
  const context = await browser.newContext({ viewport: desktop, ...options });
  const complaints: string[] = [];
  try {
    const page = await context.newPage();
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type()))
        complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.addInitScript(() => {
      globalThis.layoutShift = 0;
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries() as (PerformanceEntry & {
          value: number;
          hadRecentInput: boolean;
        })[])
          if (!entry.hadRecentInput) globalThis.layoutShift += entry.value;
      }).observe({ type: "layout-shift", buffered: true });
      document.addEventListener("securitypolicyviolation", (event) =>
        console.error(`${event.violatedDirective}: ${event.blockedURI}`),
      );
    });
    await page.goto(`${url}${hash}`);
    await page.getByText("The plan is well formed.").waitFor();
    await act(page);
  } finally {
    await context.close();
  }
  expect(complaints).toEqual([]);
}

const draw = (page: Page) =>
  page.getByRole("button", { name: "Draw both" }).click();

/** Both pictures are drawn, compared, and their times predicted. */
async function drawn(page: Page): Promise<void> {
  await page
    .locator("#status")
    .getByText(/^Drawn by /)
    .waitFor();
  await page.locator("#cancel[aria-disabled=true]").waitFor();
}

/** How many different colours a canvas shows. */
const colours = (page: Page, id: string) =>
  page.locator(id).evaluate((canvas: HTMLCanvasElement) => {
    const { width, height } = canvas;
    const { data } = canvas.getContext("2d")!.getImageData(0, 0, width, height);
    return new Set(new Uint32Array(data.buffer)).size;
  });

const text = (page: Page, id: string) => page.locator(id).textContent();

async function write(page: Page, plan: string): Promise<void> {
  await page.getByRole("textbox", { name: "Plan as JSON" }).focus();
  await page.keyboard.press("ControlOrMeta+A");
  await page.keyboard.insertText(plan);
}

/** A plan that is wrong in its eighth line, in the way that `rule` is. */
const planWith = (rule: string) => `{
  "format": "phaseskip-plan",
  "version": 1,
  "phases": [
    { "name": "all", "from": 1000, "to": 0 }
  ],
  "rules": [
    ${rule}
  ]
}`;

const skipping = `{ "units": ["mid_block"], "phases": ["all"], "action": "reuse", "refresh": { "every": 2 } }`;

/** All that was found wrong with the page's roles, names, colours and order. */
async function audit(page: Page): Promise<string[]> {
  // by the debugger, as the page's policy allows no script of ours
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: typeof axe }).axe.run(),
  );
  return violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`,
  );
}

/** Step indices of a list such as `0–4, 6`. */
function stepsOf(list: string): number[] {
  return list.split(", ").flatMap((range) => {
    const [first, last = first] = range.split("–").map(Number);
    return Array.from({ length: last! - first! + 1 }, (_, i) => first! + i);
  });
}

test("draws whole and skipped, their difference and the strip, and says what it took", async () => {
  await visit({}, async (page) => {
    await draw(page);
    await drawn(page);
    for (const id of ["#full", "#skipped", "#difference"])
      expect(await colours(page, id), id).toBeGreaterThan(20);
    expect(await text(page, "#difference-note")).toMatch(/^SSIM 0\.9\d\d$/);
    for (const id of [
      "#full-note",
      "#skipped-note",
      "#time-full",
      "#time-plan",
    ])
      expect(await text(page, id), id).toMatch(/^\d+\.\d\d s$/);
    const saved = await text(page, "#macs-saved");
    expect(saved).toMatch(/^[1-9]\d %$/);
    expect(await text(page, "#macs-predicted")).toBe(saved);
    for (const id of ["#time-saved", "#time-predicted"])
      expect(await text(page, id), id).toMatch(/^-?\d+ %$/);
    const strip = page.locator("#strip");
    await expect(strip.locator(".planned").count()).resolves.toBe(0);
    const label = await strip
      .getByRole("img")
      .nth(1)
      .getAttribute("aria-label");
    expect(label).toContain("steps up to 49 done: ");
    const [, computed, reused] =
      /^steps up to 49 done: computed at ([^;]*); reused at ([^;]*)$/.exec(
        label!,
      )!;
    const steps = [computed!, reused!].flatMap(stepsOf);
    expect(steps.sort((a, b) => a - b)).toEqual(stepsOf("0–49"));
    expect(await page.evaluate(() => globalThis.layoutShift)).toBeLessThan(0.1);
  });
});

test("draws as a static site in a folder of its host, on one thread", async () => {
  const folder = await mkdtemp(join(tmpdir(), "phaseskip-playground-"));
  const list = join(folder, "models.json");
  const model = { name: "scenes", url: "models/scenes/", prompt: "a tent" };
  await writeFile(list, JSON.stringify([{ ...model, plans: ["quality"] }]));
  const site = "packages/phaseskip/dist/playground";
  const served = await serveFiles({
    pages: { "/demo/": await readFile(join(site, "index.html"), "utf8") },
    folders: {
      "/demo/models.json": list,
      "/demo/models/": "models",
      "/demo/prebuilt/": "packages/phaseskip/dist/prebuilt",
      "/demo/": site,
    },
    headers: {
      "Content-Security-Policy":
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; style-src 'self'; img-src data:",
    },
  });
  const drawPlain = async (page: Page) => {
    await draw(page);
    await drawn(page);
    expect(await text(page, "#status")).toMatch(
      /^Drawn by WebAssembly\. SSIM /,
    );
  };
  try {
    await visit({}, drawPlain, "", `${served.origin}/demo/`);
  } finally {
    await served.close();
    await rm(folder, { recursive: true });
  }
});

test("fills the strip while it draws, and stops when it is cancelled", async () => {
  await visit({}, async (page) => {
    await draw(page);
    await page.locator("#strip .run:not(.planned)").first().waitFor();
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByText("Cancelled.").waitFor();
    expect(await page.locator("#strip .planned").count()).toBeGreaterThan(0);
  });
});

test("shows a mistake in the plan at its place, and what a mended plan will save", async () => {
  await visit({}, async (page) => {
    const status = page.locator("#plan-status");
    const marked = page.locator("#editor .cm-lintRange-error");
    for (const [rule, message, place] of [
      [skipping.replace("reuse", "reheat"), /^Line 8: .*action/, '"reheat"'],
      [skipping.replace("} }", "}"), /^Line \d+: Cannot read the plan as JSON/],
      [skipping.replace('"all"', '"none"'), /^Line 8: .*none/],
    ] as const) {
      await write(page, planWith(rule));
      expect(await status.textContent()).toMatch(message);
      await marked.first().waitFor();
      if (place) expect(await marked.first().textContent()).toBe(place);
      await draw(page);
      expect(await text(page, "#status")).toMatch(message);
    }
    // what only the model can tell is marked, too
    await write(page, planWith(skipping.replace("mid_block", "attic")));
    await draw(page);
    await status.getByText(/^Line 8: .*attic/).waitFor();
    expect(await marked.first().textContent()).toContain("attic");
    // the model is loaded by now
    await write(page, planWith(skipping));
    await page.locator("#strip .planned").first().waitFor();
    expect(await text(page, "#macs-predicted")).toMatch(/^\d+ %$/);
    expect(await text(page, "#plan-status")).toBe("The plan is well formed.");
  });
});

test("a link restores all that was set, also where the page is open already", async () => {
  let hash = "";
  const fields = {
    "[name=prompt]": "a blue house & a tent",
    "[name=seed]": "12",
    "[name=steps]": "9",
    "[name=guidance]": "2.5",
  };
  await visit({}, async (page) => {
    for (const [name, value] of Object.entries(fields))
      await page.fill(name, value);
    await page.selectOption("[name=scheduler]", "euler");
    await page.selectOption("[name=device]", "wasm");
    await write(page, planWith(skipping));
    await page.getByRole("button", { name: "Copy link" }).click();
    await page.getByText(/^The link is in /).waitFor();
    ({ hash } = new URL(page.url()));
  });
  const check = async (page: Page) => {
    for (const [name, value] of Object.entries(fields))
      expect(await page.inputValue(name)).toBe(value);
    expect(await page.inputValue("[name=scheduler]")).toBe("euler");
    expect(await page.inputValue("[name=device]")).toBe("wasm");
    const lines = await page.locator("#editor .cm-line").allTextContents();
    expect(lines.join("\n")).toBe(planWith(skipping));
  };
  await visit({}, check, hash);
  await visit({}, async (page) => {
    await page.evaluate((said) => (location.hash = said), hash);
    await page.locator("#editor").getByText("mid_block").waitFor();
    await check(page);
  });
});

test("everything is reached, read and set by keyboard alone, in the order of the page", async () => {
  await visit({}, async (page) => {
    const seen: string[] = [];
    for (;;) {
      await page.keyboard.press("Tab");
      const name = await page.evaluate(() => {
        const outer = document.activeElement;
        const inner = outer?.shadowRoot?.activeElement ?? outer;
        return inner === document.body || !inner
          ? ""
          : (inner.getAttribute("name") ?? inner.id) || inner.ariaLabel || "?";
      });
      if (name === "" || seen.length > 20) break;
      seen.push(name);
    }
    expect(seen).toEqual([
      ...["prompt", "model", "device", "seed", "dice", "steps"],
      ...["scheduler", "guidance", "more-title", "?", "cancel", "share"],
      ...["play", "plan-choice", "Plan as JSON"],
    ]);
    // Enter in the first field draws
    await page.locator("[name=prompt]").focus();
    await page.keyboard.press("Enter");
    await drawn(page);
    // the plan of another name, by its first letter
    await page.locator("#plan-choice").focus();
    await page.keyboard.press("n");
    await page.locator("#editor").getByText('"none"').waitFor();
    await page.keyboard.press("Tab");
    await page.keyboard.press("ControlOrMeta+Home");
    await page.keyboard.type("oh");
    await page.getByText(/^Line 1: Cannot read the plan/).waitFor();
  });
});

test.each([
  ["light", phone],
  ["light", desktop],
  ["dark", phone],
  ["dark", desktop],
] as const)(
  "axe-core finds nothing in %s at %o, before and after drawing and at a mistake; nothing is off to the side",
  async (colorScheme, viewport) => {
    await visit({ colorScheme, viewport }, async (page) => {
      expect(await audit(page)).toEqual([]);
      await draw(page);
      await drawn(page);
      expect(await audit(page)).toEqual([]);
      expect(
        await page.evaluate(() => document.documentElement.scrollWidth),
      ).toBe(viewport.width);
      await write(page, planWith(skipping.replace("reuse", "reheat")));
      await page.getByText(/^Line 8/).waitFor();
      expect(await audit(page)).toEqual([]);
      expect(await page.evaluate(() => globalThis.layoutShift)).toBeLessThan(
        0.1,
      );
    });
  },
);

test("a model that takes no text draws without a prompt", async () => {
  await visit({}, async (page) => {
    await page.selectOption("[name=model]", { label: "tiny-ddpm-ts" });
    expect(await page.isDisabled("[name=prompt]")).toBe(true);
    // a choice that takes longer does not overwrite a later one
    await page.selectOption("#plan-choice", { label: "DeepCache, every 3" });
    await page.selectOption("#plan-choice", { label: "nothing skipped" });
    await page.locator("#editor").getByText('"none"').waitFor();
    await page.fill("[name=steps]", "3");
    await draw(page);
    await drawn(page);
    expect(await text(page, "#difference-note")).toBe("SSIM 1.000");
  });
});
