// How a command ends: a number for the shell, and one line for the user where it failed.

import { CommanderError } from "commander";

/** Exit codes: done, the work failed, wrong usage, interrupted. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  interrupted: 130,
} as const;

/** How a command ended. */
export interface Ending {
  readonly exitCode: number;
  /** What to say on standard error; undefined where nothing is to be said. */
  readonly message: string | undefined;
}

/**
 * How a command that threw ends: wrong usage for what the caller got wrong (an option, a `TypeError`, a
 * `RangeError`), interrupted if `signal` was aborted, else failed.
 */
export function endingOf(error: unknown, signal?: AbortSignal): Ending {
  if (signal?.aborted)
    return { exitCode: exitCodes.interrupted, message: "interrupted" };
  if (error instanceof CommanderError) {
    // commander has said it already
    return {
      exitCode: error.exitCode === 0 ? exitCodes.done : exitCodes.usage,
      message: undefined,
    };
  }
  const isUsage = error instanceof TypeError || error instanceof RangeError;
  const message = error instanceof Error ? error.message : String(error);
  return {
    exitCode: isUsage ? exitCodes.usage : exitCodes.failed,
    message: oneLine(message),
  };
}

/** A message of several lines in one. */
export function oneLine(message: string): string {
  return message.trim().replace(/\s*\n\s*/g, " ");
}
