// The five commands of classic WebDriver that a page needs, over its HTTP.
// https://www.w3.org/TR/webdriver2/

/** One session with a WebDriver server. */
export interface WebDriverSession {
  /** What the browser says of itself. */
  readonly capabilities: Readonly<Record<string, unknown>>;
  /** Navigates; with the page load strategy `none` it does not wait. */
  navigate(url: string): Promise<void>;
  /**
   * Runs a function's body in the page; its value crosses as JSON.
   * @param patience how long the answer may take, in ms @throws If it takes longer
   */
  execute(script: string, patience: number): Promise<unknown>;
  /** Opens a tab and goes there; returns a function that closes it and goes back. */
  openTab(): Promise<() => Promise<void>>;
  /** Opens a tab in front of this one, and stays; returns a function that closes it. */
  openInFront(): Promise<() => Promise<void>>;
  /** Ends the session, and with it the browser. */
  end(): Promise<void>;
}

/**
 * Starts a session.
 * @param server URL of the WebDriver server
 * @throws If the server refuses; the message is the server's
 */
export async function webDriverSession(
  server: string,
  capabilities: Readonly<Record<string, unknown>>,
): Promise<WebDriverSession> {
  const ask = async (
    method: string,
    path: string,
    body?: unknown,
    patience = 120_000,
  ) => {
    const response = await fetch(server + path, {
      method,
      signal: AbortSignal.timeout(patience),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const { value } = (await response.json()) as { value: unknown };
    if (response.ok) return value;
    const { error, message } = value as { error: string; message: string };
    throw new Error(`${method} ${path}: ${error}: ${message}`);
  };
  const started = (await ask("POST", "/session", {
    capabilities: { alwaysMatch: capabilities },
  })) as { sessionId: string; capabilities: Record<string, unknown> };
  const session = `/session/${started.sessionId}`;
  const switchTo = (handle: string) =>
    ask("POST", `${session}/window`, { handle });
  const newTab = async () => {
    const made = await ask("POST", `${session}/window/new`, { type: "tab" });
    return (made as { handle: string }).handle;
  };
  return {
    capabilities: started.capabilities,
    async navigate(url) {
      await ask("POST", `${session}/url`, { url });
    },
    execute: (script, patience) =>
      ask("POST", `${session}/execute/sync`, { script, args: [] }, patience),
    async openTab() {
      const before = (await ask("GET", `${session}/window`)) as string;
      await switchTo(await newTab());
      return async () => {
        await ask("DELETE", `${session}/window`);
        await switchTo(before);
      };
    },
    async openInFront() {
      const here = (await ask("GET", `${session}/window`)) as string;
      const front = await newTab();
      return async () => {
        await switchTo(front);
        await ask("DELETE", `${session}/window`);
        await switchTo(here);
      };
    },
    async end() {
      await ask("DELETE", session);
    },
  };
}
