// A Chromium for tests that open pages of their own.
import {
  chromium,
  type Browser,
  type BrowserContext,
  type LaunchOptions,
  type Page,
} from "playwright";
import { findChromium } from "../scripts/find-chromium.mjs";

/** Starts Chromium, WebGPU allowed on its software adapter too; undefined where there is none. */
export async function launchBrowser(
  more: readonly string[] = [],
): Promise<Browser | undefined> {
  const options = launchOptions(more);
  return options && chromium.launch(options);
}

/** The same with a profile on disk, as a visitor has it: only there storage has limits. */
export async function launchProfile(
  folder: string,
): Promise<BrowserContext | undefined> {
  const options = launchOptions([]);
  return options && chromium.launchPersistentContext(folder, options);
}

function launchOptions(more: readonly string[]): LaunchOptions | undefined {
  const executablePath = findChromium();
  if (!executablePath) return undefined;
  const args = [
    "--enable-unsafe-webgpu",
    ...more,
    ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
  ];
  return { executablePath, args };
}

/** Opens a page and collects what it complains of: console errors and errors that nothing caught. */
export async function openPage(
  browser: Browser,
  url: string,
): Promise<{ page: Page; errors: string[] }> {
  const page = await browser.newPage();
  const errors: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.goto(url);
  return { page, errors };
}
