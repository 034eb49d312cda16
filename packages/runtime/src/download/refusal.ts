// A server that answers, and will not give what it is asked for.

import { PhaseskipError } from "@phaseskip/graph";

/** The error for an answer that is a no: what is cached does not stand in for it. */
export class Refusal extends PhaseskipError {
  /** @param message what was refused, and what to do */
  constructor(message: string) {
    super("fetch-failed", message);
  }
}
