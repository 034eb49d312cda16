// Which driver drives which engine here, and the settings that each needs.
import { findBrowser } from "../../scripts/find-browsers.mjs";
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

/** Starts an engine, WebGPU allowed on a software adapter too; where it is not here, says why. */
export async function launchEngine(
  name: EngineName,
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
        ...(name === "chromium" && { args: chromiumArguments() }),
        ...(name === "firefox" && { preferences: firefoxPreferences }),
      });
  }
}

function chromiumArguments(): string[] {
  return [
    "--enable-unsafe-webgpu",
    "--enable-blink-features=ForceEagerMeasureMemory", // at once instead of at the next collection of garbage
    ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
  ];
}
