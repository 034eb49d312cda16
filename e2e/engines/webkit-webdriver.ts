// WebKitGTK's small browser under WebKitWebDriver, on a screen of its own.
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { watchPage, watchScript, within, type Engine } from "./engine.js";
import { startGroup, type ProcessGroup } from "./process-group.js";
import { webDriverSession, type WebDriverSession } from "./webdriver.js";

/** The programs that are needed, by their paths. */
export interface WebKitPrograms {
  /** WebKitWebDriver. */
  readonly driver: string;
  /** WebKitGTK's MiniBrowser. */
  readonly browser: string;
  /** Xvfb; without it the screen that DISPLAY names is used. */
  readonly screen?: string;
}

/**
 * A script that meets a page on its way to another process, as COOP sends it, is never answered, whatever the session's
 * timeout for scripts: asked again after so many ms, the new process answers.
 */
const lostAfter = 5_000;

/**
 * Starts WebKitGTK. Its driver shows no console: what the page complains of is collected in the page, from its first
 * moments on, and violations of the content security policy from its very first.
 */
export async function webKitEngine(programs: WebKitPrograms): Promise<Engine> {
  const home = await mkdtemp(join(tmpdir(), "phaseskip-webkit-"));
  const groups: ProcessGroup[] = [];
  const close = async () => {
    for (const group of groups.reverse()) await group.end();
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const env: NodeJS.ProcessEnv = {
      ...process.env,
      HOME: home,
      XDG_CACHE_HOME: join(home, "cache"),
      XDG_CONFIG_HOME: join(home, "config"),
      XDG_DATA_HOME: join(home, "data"),
      NO_AT_BRIDGE: "1",
    };
    if (programs.screen)
      env["DISPLAY"] = await startScreen(programs.screen, groups);
    const port = await freePort();
    groups.push(
      await startGroup(programs.driver, [`--port=${port}`], {
        env,
        stdio: "ignore",
      }),
    );
    const session = await firstSession(`http://127.0.0.1:${port}`, {
      pageLoadStrategy: "none",
      timeouts: { script: 60_000 },
      "webkitgtk:browserOptions": {
        binary: programs.browser,
        args: ["--automation"],
      },
    });
    const version = String(session.capabilities["browserVersion"]);
    return {
      name: "webkit",
      version: `WebKitGTK ${version} (WebKitWebDriver)`,
      async openPage(url, options) {
        const closeTab = await session.openTab();
        let closeFront: (() => Promise<void>) | undefined;
        try {
          await session.navigate(url);
          await watchEarly(session, url, options.patience ?? 60_000);
          if (options.isBehind) closeFront = await session.openInFront();
          const evaluate = async (expression: string) =>
            ((await session.execute(
              `return JSON.stringify((${expression}) ?? undefined)`,
              lostAfter,
            )) ?? undefined) as string | undefined;
          return await watchPage({ errors: [], evaluate }, url, options);
        } finally {
          if (closeFront)
            await within(closeFront(), 10_000).catch(() => undefined);
          await within(closeTab(), 10_000).catch(() => undefined);
        }
      },
      async close() {
        await within(session.end(), 5_000).catch(() => undefined);
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Puts the watch into the page as soon as the page is there; past violations come by way of a ReportingObserver. */
async function watchEarly(
  session: WebDriverSession,
  url: string,
  patience: number,
): Promise<void> {
  const end = Date.now() + patience;
  const script = `if (location.href !== ${JSON.stringify(new URL(url).href)}) return false;
    ${watchScript(true)};
    const { violations } = globalThis[Symbol.for("phaseskip.e2e")];
    if (typeof ReportingObserver === "undefined") return true;
    const earlier = new ReportingObserver((reports) => {
      for (const { body } of reports) {
        const violation = body.effectiveDirective + ": " + body.blockedURL;
        if (!violations.includes(violation)) violations.push(violation);
      }
    }, { types: ["csp-violation"], buffered: true });
    earlier.observe();
    return true;`;
  while (Date.now() < end) {
    if (await session.execute(script, lostAfter).catch(() => false)) return;
  }
  throw new Error(`Cannot open ${url}: the browser did not go there`);
}

/** Xvfb chooses a free display and writes its number to a pipe. */
async function startScreen(
  program: string,
  groups: ProcessGroup[],
): Promise<string> {
  const args = ["-displayfd", "3", "-screen", "0", "1280x1024x24"];
  const group = await startGroup(program, [...args, "-nolisten", "tcp"], {
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
  groups.push(group);
  const pipe = group.child.stdio[3] as Readable;
  const number = await within(
    new Promise<string>((resolve, reject) => {
      pipe.once("data", (data) => resolve(String(data).trim()));
      group.child.once("exit", () => reject(new Error("Xvfb ended")));
    }),
    20_000,
  );
  return `:${number}`;
}

/** The driver takes a moment until it listens. */
async function firstSession(
  server: string,
  capabilities: Readonly<Record<string, unknown>>,
): Promise<WebDriverSession> {
  const end = Date.now() + 30_000;
  for (;;) {
    try {
      return await webDriverSession(server, capabilities);
    } catch (error) {
      const isListening = !(error instanceof TypeError); // fetch failed
      if (isListening || Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
