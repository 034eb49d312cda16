// What the three drivers offer alike, so that a test says what it wants of a browser and not of which.
//
// To open a page of your own in every engine that is here:
//
//   for (const name of engineNames) {
//     const engine = await launchEngine(name);            // { reason } where it is not here
//     if ("reason" in engine) continue;                   // say it: nothing is skipped in silence
//     const seen = await engine.openPage(url, { result: "globalThis.result" });
//     expect(seen.errors).toEqual([]);                    // console errors, and errors that nothing caught
//     expect(seen.violations).toEqual([]);                // of the content security policy
//     expect(seen.result).toMatchObject({ width: 32 });   // what the page left, as JSON
//     await engine.close();
//   }

/** The browser engines that are tested. */
export const engineNames = ["chromium", "firefox", "webkit"] as const;

/** One of {@link engineNames}. */
export type EngineName = (typeof engineNames)[number];

/** How a page is opened and how long it stays open. */
export interface OpenOptions {
  /**
   * A JavaScript expression without side effects. The page stays open until it is neither `undefined` nor `null`;
   * its value crosses as JSON.
   */
  readonly result: string;
  /** How long the result may take, in ms. @default 60000 */
  readonly patience?: number;
  /** Another tab is opened in front of it. @default false */
  readonly isBehind?: boolean;
}

/** What was seen of a page. */
export interface PageReport {
  /** Console errors and errors that nothing caught, in order. */
  readonly errors: readonly string[];
  /** `DIRECTIVE: BLOCKED`, one for each violation of the document's content security policy. */
  readonly violations: readonly string[];
  /** The value of the result's expression. */
  readonly result: unknown;
}

/** A browser under a driver. */
export interface Engine {
  readonly name: EngineName;
  /** Product, version and driver, for people. */
  readonly version: string;
  /**
   * Opens a page in a tab of its own, waits for its result and closes it.
   * @throws {PatienceError} If there is no result in time
   */
  openPage(url: string, options: OpenOptions): Promise<PageReport>;
  /** Ends the browser with all its processes, and drops its profile. */
  close(): Promise<void>;
}

/** The time a page had is over; what was seen until then is in `seen`. */
class PatienceError extends Error {
  /** Errors and violations until then. */
  readonly seen: readonly string[];

  /** @param seen errors and violations until then */
  constructor(url: string, patience: number, seen: readonly string[]) {
    const also =
      seen.length > 0 ? `; the page complained: ${seen.join("; ")}` : "";
    super(`Cannot wait any longer than ${patience} ms for ${url}${also}`);
    this.name = "PatienceError";
    this.seen = seen;
  }
}

/** One page under any driver, as {@link watchPage} needs it. */
export interface Tab {
  /** Console errors so far, where the driver sees them itself. */
  readonly errors: readonly string[];
  /** The JSON text of an expression's value in the page; `undefined` where it has none yet. */
  evaluate(expression: string): Promise<string | undefined>;
}

/**
 * Runs in the page before anything else, or as early as the driver can: collects what the page itself can see.
 * Console errors only where `withConsole` says that the driver does not.
 */
export const watchScript = (withConsole: boolean) => `(() => {
  const key = Symbol.for("phaseskip.e2e");
  if (globalThis[key]) return;
  const seen = (globalThis[key] = { errors: [], violations: [] });
  const text = (value) => value instanceof Error ? String(value) : typeof value === "string" ? value : JSON.stringify(value) ?? String(value);
  addEventListener("securitypolicyviolation", (event) => seen.violations.push(event.effectiveDirective + ": " + event.blockedURI));
  if (!${withConsole}) return;
  addEventListener("error", (event) => event.message && seen.errors.push(event.message));
  addEventListener("unhandledrejection", (event) => seen.errors.push(text(event.reason)));
  const { error } = console;
  console.error = (...values) => { seen.errors.push(values.map(text).join(" ")); error.apply(console, values); };
})()`;

/** Waits for the page's result and gathers what was seen meanwhile. */
export async function watchPage(
  tab: Tab,
  url: string,
  { result, patience = 60_000 }: OpenOptions,
): Promise<PageReport> {
  const end = Date.now() + patience;
  let refusals = 0;
  const seenInPage = async () =>
    JSON.parse(
      (await tab.evaluate('globalThis[Symbol.for("phaseskip.e2e")]')) ??
        '{"errors":[],"violations":[]}',
    ) as { errors: string[]; violations: string[] };
  for (;;) {
    const left = end - Date.now();
    // between two pages of one tab there is none to ask
    const asked = tab.evaluate(result).then(
      (text) => {
        refusals = 0;
        return text;
      },
      (error: unknown) => {
        if (++refusals > 40) throw error;
        return undefined;
      },
    );
    const text = await within(asked, left).catch(() => {
      throw new PatienceError(url, patience, tab.errors);
    });
    if (text !== undefined) {
      const seen = await within(seenInPage(), 10_000);
      return {
        errors: [...tab.errors, ...seen.errors],
        violations: seen.violations,
        result: JSON.parse(text) as unknown,
      };
    }
    if (left <= 0) {
      const seen = await within(seenInPage(), 5_000).catch(() => undefined);
      throw new PatienceError(url, patience, [
        ...tab.errors,
        ...(seen?.errors ?? []),
        ...(seen?.violations ?? []),
      ]);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The promise's value, or a rejection after so many ms: a driver that hangs hangs no test. */
export async function within<T>(
  promise: Promise<T>,
  milliseconds: number,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () =>
        reject(
          new Error(`the browser did not answer within ${milliseconds} ms`),
        ),
      Math.max(milliseconds, 1),
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
