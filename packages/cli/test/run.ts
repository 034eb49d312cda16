// Runs the real command, in this process or as one of its own.

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { runCommand } from "../src/index.js";
import "../../../scripts/hold-ort-code.mjs";
import { RecordingStream } from "./terminal.js";

/** What a command did. */
export interface Ran {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The path of a model that the repository carries, or of a folder in it. */
export function fixture(name: string): string {
  return fileURLToPath(
    new URL(`../../../models/${name}`, import.meta.url),
  ).replace(/\/$/, "");
}

/** Runs the command in this process. */
export async function run(
  argv: readonly string[],
  isTTY = false,
): Promise<Ran> {
  const stdout = new RecordingStream(isTTY);
  const stderr = new RecordingStream(isTTY);
  const exitCode = await runCommand(argv, { stdout, stderr });
  return { exitCode, stdout: stdout.written, stderr: stderr.written };
}

/**
 * Runs the command as a process of its own.
 * @param onStart what to do with the process, such as interrupting it
 */
export async function spawnCommand(
  argv: readonly string[],
  onStart: (
    kill: (signal: NodeJS.Signals) => void,
    stderr: () => string,
  ) => void = () => undefined,
): Promise<Ran> {
  const bin = fileURLToPath(
    new URL("../../phaseskip/src/bin.ts", import.meta.url),
  );
  const hooks = new URL("../../../scripts/source-hooks.mjs", import.meta.url);
  const args =
    process.env["PHASESKIP_BUILT"] === "1"
      ? [bin.replace("/src/bin.ts", "/dist/bin.js")]
      : ["--conditions=@phaseskip/source", `--import=${hooks.href}`, bin];
  const child = spawn(process.execPath, [...args, ...argv]);
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (data: Buffer) => (stdout += data.toString()));
  child.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
  onStart(
    (signal) => child.kill(signal),
    () => stderr,
  );
  const exitCode = await new Promise<number | null>((resolve) =>
    child.on("close", resolve),
  );
  return { exitCode, stdout, stderr };
}
