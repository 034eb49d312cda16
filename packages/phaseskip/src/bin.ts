#!/usr/bin/env node
// The `phaseskip` command. It sets the exit code and lets the process end by itself, so that nothing
// written is lost.

import { fileURLToPath } from "node:url";
import { runCommand } from "@phaseskip/cli";

const controller = new AbortController();
// once: a second interrupt ends the process at once
process.once("SIGINT", () => controller.abort());
// a reader that has seen enough, such as `head`, is no error
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

/** A folder that the build makes, also where this file is run unbuilt. */
function built(folder: string): string {
  return fileURLToPath(new URL(`../dist/${folder}`, import.meta.url));
}

process.exitCode = await runCommand(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  signal: controller.signal,
  site: { playground: built("playground/"), prebuilt: built("prebuilt/") },
});
