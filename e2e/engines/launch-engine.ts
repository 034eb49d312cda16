// Which driver drives which engine here, and the settings that each needs.
import { findBrowser } from "../../scripts/find-browsers.mjs";
import { measureAtOnce, steadyCode } from "./chromium-memory.js";
import type { Engine, EngineName } from "./engine.js";
import { firefoxEngine } from "./firefox-bidi.js";
import { playwrightEngine } from "./playwright-engine.js";
import { webKitEngine } from "./webkit-webdriver.js";

/** Firefox gives a WebGPU adapter on Linux, and on drivers it does not know, only when asked to. */
const firefoxPreferences = {
  "dom.webgpu.enabled": true,
  "dom.webgpu.workers.enabled": true,
  "gfx.webgpu.ignore-blocklist": true,
};

/** How an engine is started. */
export interface LaunchOptions {
  /** Chromium keeps of code what it keeps from the first call on, so that memory can be compared. @default false */
  readonly hasSteadyCode?: boolean;
}

/** Starts an engine, WebGPU allowed on a software adapter too; where it is not here, says why. */
export async function launchEngine(
  name: EngineName,
  { hasSteadyCode = false }: LaunchOptions = {},
): Promise<Engine | { readonly reason: string }> {
  const found = findBrowser(name);
  if (!found)
    return {
      reason: `${name} is not here: node scripts/find-browsers.mjs --install ${name}`,
    };
  switch (found.driver) {
    case "bidi":
      return firefoxEngine(found.path, firefoxPreferences);
    case "webdriver":
      return webKitEngine({
        driver: found.webDriver,
        browser: found.path,
        ...(found.screen !== undefined && { screen: found.screen }),
      });
    case "playwright":
      return playwrightEngine(name, {
        executablePath: found.path,
        ...(name === "chromium" && { args: chromiumArguments(hasSteadyCode) }),
        ...(name === "firefox" && { preferences: firefoxPreferences }),
      });
  }
}

function chromiumArguments(hasSteadyCode: boolean): string[] {
  return [
    "--enable-unsafe-webgpu",
    measureAtOnce,
    ...(hasSteadyCode ? [steadyCode] : []),
    ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
  ];
}
