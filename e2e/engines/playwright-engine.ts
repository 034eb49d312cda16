// Chromium, and the builds of Firefox and WebKit that Playwright installs, under Playwright.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as playwright from "playwright";
import {
  watchPage,
  watchScript,
  within,
  type Engine,
  type EngineName,
} from "./engine.js";

/** A browser to drive by Playwright. */
export interface PlaywrightOptions {
  /** Path of the browser. */
  readonly executablePath: string;
  /** Arguments of its command line. */
  readonly args?: readonly string[];
  /** Preferences, for Firefox. */
  readonly preferences?: Readonly<Record<string, string | number | boolean>>;
}

/** Starts a browser with a profile of its own: its storage is on disk, as a visitor's is. */
export async function playwrightEngine(
  name: EngineName,
  { executablePath, args = [], preferences }: PlaywrightOptions,
): Promise<Engine> {
  const profile = await mkdtemp(join(tmpdir(), `phaseskip-${name}-`));
  const dropProfile = () =>
    rm(profile, { recursive: true, force: true, maxRetries: 5 });
  const context = await playwright[name]
    .launchPersistentContext(profile, {
      executablePath,
      args: [...args],
      ignoreDefaultArgs: ["--disable-back-forward-cache"], // as a visitor's browser
      timeout: 60_000,
      ...(preferences && { firefoxUserPrefs: { ...preferences } }),
    })
    .catch(async (error: unknown) => {
      await dropProfile();
      throw error;
    });
  await context.addInitScript(watchScript(false));
  return {
    name,
    version: `${name} ${context.browser()?.version() ?? ""} (Playwright)`,
    async openPage(url, options) {
      const page = await context.newPage();
      let front: typeof page | undefined;
      const errors: string[] = [];
      page.on("console", (message) => {
        if (message.type() === "error") errors.push(message.text());
      });
      page.on("pageerror", (error) => errors.push(String(error)));
      try {
        await page.goto(url, { timeout: options.patience ?? 60_000 });
        if (options.isBehind) {
          front = await context.newPage();
          await front.bringToFront();
        }
        const evaluate = (expression: string) =>
          page.evaluate<string | undefined>(
            `JSON.stringify((${expression}) ?? undefined)`,
          );
        return await watchPage({ errors, evaluate }, url, options);
      } finally {
        for (const one of [front, page])
          if (one) await within(one.close(), 10_000).catch(() => undefined);
      }
    },
    async close() {
      await within(context.close(), 20_000).catch(() => undefined);
      await dropProfile();
    },
  };
}
