/** What drives an engine, and the paths that it needs. */
export type FoundBrowser =
  | {
      /** Playwright, over the browser's own protocol. */
      readonly driver: "playwright";
      /** The browser. */
      readonly path: string;
    }
  | {
      /** WebDriver BiDi, which the browser speaks itself. */
      readonly driver: "bidi";
      /** The browser. */
      readonly path: string;
    }
  | {
      /** Classic WebDriver. */
      readonly driver: "webdriver";
      /** MiniBrowser. */
      readonly path: string;
      /** WebKitWebDriver. */
      readonly webDriver: string;
      /** Xvfb, where it is there. */
      readonly screen?: string;
    };

/** What can drive an engine, or undefined. Throws when a variable names a file that does not start. */
export function findBrowser(
  engine: "chromium" | "firefox" | "webkit",
): FoundBrowser | undefined;

/** The same, installed first if need be. Throws an error that says what is missing. */
export function ensureBrowser(
  engine: "chromium" | "firefox" | "webkit",
): FoundBrowser;
