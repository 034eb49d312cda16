// Finds a Chromium for the browser tests, and can install one.
//   node scripts/find-chromium.mjs            prints the path, or says what is missing (exit code 1)
//   node scripts/find-chromium.mjs --install  installs one first where there is none
import { spawnSync } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { chromium } from "playwright";
import { installBrowser } from "./install-browser.mjs";

const variables = ["PHASESKIP_CHROMIUM", "CHROMIUM_PATH"];
const names = [
  "chromium",
  "chromium-browser",
  "google-chrome",
  "google-chrome-stable",
  "chrome",
];
const places = [
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
];

/** The path of a Chromium, or undefined. Throws when a variable names a file that is none. */
export function findChromium() {
  for (const variable of variables) {
    const path = process.env[variable];
    if (!path) continue;
    if (isBrowser(path)) return path;
    throw new Error(
      `Cannot use the Chromium that ${variable} names as it does not start: current value is ${path}`,
    );
  }
  const onPath = (process.env.PATH ?? "").split(delimiter).filter(Boolean);
  const candidates = [
    chromium.executablePath(),
    ...names.flatMap((name) => onPath.map((folder) => join(folder, name))),
    ...places,
  ];
  return candidates.find(isBrowser);
}

/** Installs a Chromium; returns the attempts that failed, each in one line, empty once one succeeded. */
export function installChromium() {
  return installBrowser(
    ["chromium"],
    ["chromium"],
    () => findChromium() !== undefined,
  );
}

/** Not every file of that name starts: some are stubs of another installer, some lack their libraries. */
export function isBrowser(path) {
  try {
    accessSync(path, constants.X_OK);
    if (!statSync(path).isFile()) return false;
  } catch {
    return false;
  }
  if (process.platform === "win32") return true; // there --version opens a window
  return (
    spawnSync(path, ["--version"], { stdio: "ignore", timeout: 20_000 })
      .status === 0
  );
}

/** The Chromium to test with, installed if need be; throws an error that says what is missing. */
export function ensureChromium() {
  const found = findChromium();
  if (found) return found;
  const failed = installChromium();
  const installed = findChromium();
  if (installed) return installed;
  throw new Error(
    [
      "Cannot run the browser tests as there is no Chromium, and none could be installed:",
      ...failed.map((line) => `  ${line}`),
      "Install Chromium or Chrome, or set PHASESKIP_CHROMIUM to the path of one.",
    ].join("\n"),
  );
}

if (process.argv[1]?.endsWith("find-chromium.mjs")) {
  try {
    const path = process.argv.includes("--install")
      ? ensureChromium()
      : findChromium();
    if (path) console.log(path);
    else
      throw new Error(
        "No Chromium: run `node scripts/find-chromium.mjs --install`, or set PHASESKIP_CHROMIUM.",
      );
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
