// Finds the browser engines that e2e drives, and can install them.
//   node scripts/find-browsers.mjs                       prints what drives each engine (exit code 1 if one is missing)
//   node scripts/find-browsers.mjs --install [ENGINE…]   installs first what is missing
// Chromium: as find-chromium.mjs says. Firefox: PHASESKIP_FIREFOX, Playwright's build, or one on the PATH. WebKit:
// Playwright's build, or WebKitGTK's MiniBrowser with WebKitWebDriver, on a screen that Xvfb makes.
import { accessSync, constants, existsSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { firefox, webkit } from "playwright";
import { findChromium, isBrowser } from "./find-chromium.mjs";
import { installBrowser } from "./install-browser.mjs";

/** Engine → how it is found, and the Debian packages and the build of Playwright's that bring it. */
const engines = {
  chromium: { find: findPlainChromium, packages: ["chromium"] },
  firefox: {
    find: findFirefox,
    packages: ["firefox-esr", "mesa-vulkan-drivers"],
  },
  webkit: { find: findWebKit, packages: ["webkit2gtk-driver", "xvfb"] },
};

/**
 * What can drive an engine: `{ driver, ...paths }`, or undefined.
 * @throws When a variable names a file that is no browser
 */
export function findBrowser(engine) {
  return engines[engine].find();
}

/** As findBrowser, installed first if need be; throws an error that says what is missing. */
export function ensureBrowser(engine) {
  const { packages } = engines[engine];
  const found = findBrowser(engine);
  if (found) return found;
  const failed = installBrowser(
    packages,
    [engine],
    () => findBrowser(engine) !== undefined,
  );
  const installed = findBrowser(engine);
  if (installed) return installed;
  throw new Error(
    [
      `Cannot test in ${engine} as it is not here, and could not be installed:`,
      ...failed.map((line) => `  ${line}`),
      `Install ${packages.join(" and ")} (the names are Debian's).`,
    ].join("\n"),
  );
}

function findPlainChromium() {
  const path = findChromium();
  return path && { driver: "playwright", path };
}

function findFirefox() {
  const given = process.env.PHASESKIP_FIREFOX;
  if (given && !isBrowser(given))
    throw new Error(
      `Cannot use the Firefox that PHASESKIP_FIREFOX names as it does not start: current value is ${given}`,
    );
  if (given) return { driver: "bidi", path: given };
  const build = firefox.executablePath();
  if (isBrowser(build)) return { driver: "playwright", path: build };
  const path = [
    ...onPath("firefox", "firefox-esr"),
    "/Applications/Firefox.app/Contents/MacOS/firefox",
    "C:\\Program Files\\Mozilla Firefox\\firefox.exe",
  ].find(isBrowser);
  return path && { driver: "bidi", path };
}

function findWebKit() {
  const build = webkit.executablePath();
  if (existsSync(build)) return { driver: "playwright", path: build };
  const [webDriver] = onPath("WebKitWebDriver").filter(isProgram);
  const path = miniBrowsers().find(isProgram);
  const [screen] = onPath("Xvfb").filter(isProgram);
  if (!webDriver || !path || !(screen || process.env.DISPLAY)) return undefined;
  return { driver: "webdriver", path, webDriver, ...(screen && { screen }) };
}

/** Distributions keep MiniBrowser beside WebKitGTK's own processes; the newest interface first. */
function miniBrowsers() {
  const libraries = ["/usr/libexec", "/usr/lib", "/usr/lib64"];
  const deeper = existsSync("/usr/lib")
    ? readdirSync("/usr/lib")
        .filter((name) => name.endsWith("-linux-gnu"))
        .map((name) => join("/usr/lib", name))
    : [];
  return [...libraries, ...deeper].flatMap((folder) =>
    ["webkitgtk-6.0", "webkit2gtk-4.1", "webkit2gtk-4.0"].map((version) =>
      join(folder, version, "MiniBrowser"),
    ),
  );
}

function onPath(...names) {
  const folders = (process.env.PATH ?? "").split(delimiter).filter(Boolean);
  return names.flatMap((name) => folders.map((folder) => join(folder, name)));
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

if (process.argv[1]?.endsWith("find-browsers.mjs")) {
  const args = process.argv.slice(2);
  const install = args.includes("--install");
  const named = args.filter((argument) => argument !== "--install");
  for (const engine of named.length > 0 ? named : Object.keys(engines)) {
    try {
      if (!(engine in engines))
        throw new Error(
          `Cannot find ${engine}: the engines are ${Object.keys(engines).join(", ")}`,
        );
      const found = install ? ensureBrowser(engine) : findBrowser(engine);
      if (!found)
        throw new Error(
          `No ${engine}: run \`node scripts/find-browsers.mjs --install ${engine}\`.`,
        );
      const { driver, ...paths } = found;
      console.log(`${engine}: ${driver}, ${Object.values(paths).join(", ")}`);
    } catch (error) {
      console.error(error.message);
      process.exitCode = 1;
    }
  }
}
