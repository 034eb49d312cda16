// What a command talks to.

import type { ProgressStream } from "./terminal/progress.js";

/** Where a command's results and messages go. */
export interface CommandIo {
  /** Results alone. */
  readonly stdout: ProgressStream;
  /** Progress, notes and errors. */
  readonly stderr: ProgressStream;
  /** Cancels the command. @default never */
  readonly signal?: AbortSignal;
  /** What `serve` hands out. @default nothing: `serve` says so */
  readonly site?: Site;
}

/** Folders with the built files that a browser is given. */
export interface Site {
  /** The playground's page. */
  readonly playground: string;
  /** The worker, with ONNX Runtime beside it. */
  readonly prebuilt: string;
}

/** Writes one JSON object, with a line break at its end. */
export function writeJson({ stdout }: CommandIo, value: object): void {
  stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}

/** Writes what the user should know beside the result, a line each. */
export function writeNotes(
  { stderr }: CommandIo,
  notes: readonly string[],
): void {
  for (const note of new Set(notes)) stderr.write(`note: ${note}\n`);
}
