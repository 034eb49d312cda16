// A kind of input: where mutators start from, what they change, and who has to bear it.

import type { Random } from "./random.js";

/** A kind of input. */
export interface Kind {
  /** Its name in the table. */
  readonly name: string;
  /** Its share of all inputs, relative to the others'. */
  readonly share: number;
  /** Reads what mutators start from, once; then makes an input of choices, and says who reads it. */
  open(): Promise<(random: Random) => () => unknown>;
}
