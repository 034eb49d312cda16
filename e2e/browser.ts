// A Chromium for tests that open pages of their own.
import {
  chromium,
  type Browser,
  type BrowserContext,
  type LaunchOptions,
  type Page,
} from "playwright";
import { findChromium } from "../scripts/find-chromium.mjs";

/**
 * Starts Chromium; undefined where there is none. WebGPU is allowed on its software adapter too, unless
 * `withWebGpu` is false: that adapter takes minutes for a picture that WASM draws in seconds.
 */
export async function launchBrowser(
  more: readonly string[] = [],
  withWebGpu = true,
): Promise<Browser | undefined> {
  const options = launchOptions(more, withWebGpu);
  return options && chromium.launch(options);
}

/** The same with a profile on disk, as a visitor has it: only there storage has limits. */
export async function launchProfile(
  folder: string,
): Promise<BrowserContext | undefined> {
  const options = launchOptions([]);
  return options && chromium.launchPersistentContext(folder, options);
}

function launchOptions(
  more: readonly string[],
  withWebGpu = true,
): LaunchOptions | undefined {
  const executablePath = findChromium();
  if (!executablePath) return undefined;
  const args = [
    ...(withWebGpu ? ["--enable-unsafe-webgpu"] : []),
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
