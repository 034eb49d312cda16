// Sweeps as the command runs them, small enough for a test.

import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** What makes a sweep small. */
export const small = [
  ...["--steps", "6", "--bins", "3", "--seeds", "2"],
  ...["--units", "up_blocks.0.resnets.*", "mid_block.*.*"],
  ...["--action", "removal", "reuse-2"],
];

/** The files of a sweep whose bytes do not depend on how it was run. */
const stable = [
  "manifest.json",
  "cells.jsonl",
  "responses.jsonl",
  "floor.jsonl",
  "emergence.jsonl",
  "references.jsonl",
];

/** Their contents. */
export function contents(folder: string): Record<string, string> {
  return Object.fromEntries(
    stable.map((name) => [name, readFileSync(join(folder, name), "utf8")]),
  );
}

/** Makes a folder in which `phaseskip` is the command as it stands in this repository, for the `PATH`. */
export function commandFolder(parent: string): string {
  const folder = join(parent, "bin");
  const path = (relative: string) =>
    fileURLToPath(new URL(relative, import.meta.url));
  const args =
    process.env["PHASESKIP_BUILT"] === "1"
      ? [path("../../phaseskip/dist/bin.js")]
      : [
          "--conditions=@phaseskip/source",
          `--import=${path("../../../scripts/source-hooks.mjs")}`,
          path("../../phaseskip/src/bin.ts"),
        ];
  const quoted = [process.execPath, ...args].map((arg) => `'${arg}'`).join(" ");
  mkdirSync(folder, { recursive: true });
  const command = join(folder, "phaseskip");
  writeFileSync(command, `#!/bin/sh\nexec ${quoted} "$@"\n`);
  chmodSync(command, 0o755);
  return folder;
}
