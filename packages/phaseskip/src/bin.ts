#!/usr/bin/env node
// The `phaseskip` command. It sets the exit code and lets the process end by itself, so that nothing
// written is lost.

import { runCommand } from "@phaseskip/cli";

const controller = new AbortController();
// once: a second interrupt ends the process at once
process.once("SIGINT", () => controller.abort());
// a reader that has seen enough, such as `head`, is no error
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

process.exitCode = await runCommand(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  signal: controller.signal,
});
