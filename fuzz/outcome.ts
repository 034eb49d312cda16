// What came of one input: a result, a documented error, or a fault of ours.

import { PhaseskipError } from "@phaseskip/graph";

/** What came of an input. */
export interface Outcome {
  /** `result`; an error's code or class where it is documented; else `fault`. */
  readonly kind: string;
  /** What the fault was. */
  readonly fault?: string;
}

/** What an engine says of its own accord begins like our messages do. */
const engineWords =
  /^Cannot ((read|set|create|delete|define) propert|access '|convert |destructure |mix |redefine |assign |use 'in')/;

/** Runs one input, and says what came of it. */
export async function outcomeOf(run: () => unknown): Promise<Outcome> {
  try {
    await run();
    return { kind: "result" };
  } catch (error) {
    return ofError(error);
  }
}

function ofError(error: unknown): Outcome {
  if (!(error instanceof Error)) return fault(`threw ${String(error)}`);
  const { message, name, stack = "" } = error;
  if (error instanceof PhaseskipError) {
    if (!message.startsWith("Cannot ")) return fault(stack);
    return { kind: error.code };
  }
  const isOurs =
    (error instanceof TypeError || error instanceof RangeError) &&
    message.startsWith("Cannot ") &&
    !engineWords.test(message);
  // what JSON.parse says of what is none, where that is documented
  const isSyntax = error instanceof SyntaxError;
  return isOurs || isSyntax ? { kind: name } : fault(stack);
}

function fault(what: string): Outcome {
  return { kind: "fault", fault: what.split("\n").slice(0, 5).join(" | ") };
}
