// A stock Firefox under WebDriver BiDi, which it speaks itself: no driver program is needed.
import { launch } from "puppeteer-core";
import { watchPage, watchScript, within, type Engine } from "./engine.js";

/** Starts Firefox without a window, with a profile of its own. */
export async function firefoxEngine(
  executablePath: string,
  preferences: Readonly<Record<string, string | number | boolean>>,
): Promise<Engine> {
  const browser = await launch({
    browser: "firefox",
    executablePath,
    headless: true,
    extraPrefsFirefox: { ...preferences },
    timeout: 60_000,
    protocolTimeout: 600_000,
  });
  return {
    name: "firefox",
    version: `${(await browser.version()).replace("/", " ")} (WebDriver BiDi)`,
    async openPage(url, options) {
      const page = await browser.newPage();
      let front: typeof page | undefined;
      const errors: string[] = [];
      page.on("console", (message) => {
        if (message.type() === "error") errors.push(message.text());
      });
      page.on("pageerror", (error) => errors.push(String(error)));
      try {
        await page.evaluateOnNewDocument(watchScript(false));
        await page.goto(url, { timeout: options.patience ?? 60_000 });
        if (options.isBehind) {
          front = await browser.newPage();
          await front.bringToFront();
        }
        const evaluate = async (expression: string) =>
          (await page.evaluate(
            `JSON.stringify((${expression}) ?? undefined)`,
          )) as string | undefined;
        return await watchPage({ errors, evaluate }, url, options);
      } finally {
        for (const one of [front, page])
          if (one) await within(one.close(), 10_000).catch(() => undefined);
      }
    },
    async close() {
      await within(browser.close(), 20_000).catch(() =>
        browser.process()?.kill("SIGKILL"),
      );
    },
  };
}
