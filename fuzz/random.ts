// Where a mutator's choices come from: fast-check's generator, so that a seed says all of them.

import fc from "fast-check";

/** Choices that follow from one seed. */
export interface Random {
  /** A whole number in `[0, end)`; 0 where `end` is 0. */
  below(end: number): number;
  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T;
  /** True in `share` of all cases, `share` in [0, 1]. */
  chance(share: number): boolean;
}

/** The choices of a seed, a whole number of 32 bits. */
export function randomOf(seed: number): Random {
  const [draw] = fc.sample(fc.gen(), { seed, numRuns: 1 });
  const below = (end: number) => (end > 1 ? draw!(fc.nat, end - 1) : 0);
  return {
    below,
    pick: (list) => list[below(list.length)]!,
    chance: (share) => below(1 << 20) < share * (1 << 20),
  };
}
