// Which pictures a plan is searched on, chosen by and tested on. No prompt is in two splits, and none that the sweep
// drew is in validation or test. The test's pairs follow from the plan itself and a salt, so that nobody can tune
// to them.

import { seededRandom } from "@phaseskip/metrics";

/** What is drawn. */
export interface Draw {
  /** The text; missing for a model that takes none. */
  readonly prompt?: string;
  /** Of the initial noise and of the steps' noise. */
  readonly seed: number;
}

/** Pairs by prompt, then by seed; of a model without text one group. */
export type DrawGroups = readonly (readonly Draw[])[];

/** How large a split is. */
export interface SplitSize {
  /** Prompts; for a model without text it multiplies the seeds. */
  readonly prompts: number;
  /** Seeds of each. */
  readonly seeds: number;
}

/** The splits of a search; the test is drawn when the plan is known. */
export interface Splits {
  /** Where plans are searched. */
  readonly search: DrawGroups;
  /** Where one is chosen. */
  readonly validation: DrawGroups;
  /** What the test's prompts are drawn from; null for a model without text. */
  readonly testPool: readonly string[] | null;
  /** How large the test will be. */
  readonly testSize: SplitSize;
  /** Where a split is smaller than asked for, in sentences. */
  readonly notes: readonly string[];
}

/** What splits are laid out from. */
export interface SplitRequest {
  /** Texts; null for a model that takes none. */
  readonly prompts: readonly string[] | null;
  /** Texts that the sweep drew. */
  readonly sweepPrompts: readonly string[];
  /** Sizes asked for. */
  readonly sizes: Readonly<Record<"search" | "validation" | "test", SplitSize>>;
  /** Of the order of the prompts. */
  readonly seed: number;
}

const firstSeeds = { search: 0, validation: 1_000_000 } as const;

/**
 * Lays splits out.
 * @throws {RangeError} If there are too few prompts for three splits
 */
export function layOutSplits(request: SplitRequest): Splits {
  const { prompts, sweepPrompts, sizes, seed } = request;
  const groups = (
    texts: readonly string[] | null,
    size: SplitSize,
    first: number,
  ) => drawGroups(texts, size, first);
  if (prompts === null) {
    return {
      search: groups(null, sizes.search, firstSeeds.search),
      validation: groups(null, sizes.validation, firstSeeds.validation),
      testPool: null,
      testSize: sizes.test,
      notes: [],
    };
  }
  const used = new Set(sweepPrompts);
  const fresh = shuffled(
    [...new Set(prompts)].filter((prompt) => !used.has(prompt)),
    seed,
  );
  if (fresh.length < 3) {
    throw new RangeError(
      `Cannot plan as there must be at least 3 prompts that the sweep did not draw, one for each split: current number is ${fresh.length}`,
    );
  }
  const notes: string[] = [];
  const names = ["search", "validation", "test"] as const;
  const wanted = names.map((name) => sizes[name].prompts);
  const all = wanted.reduce((sum, one) => sum + one, 0);
  const room = fresh.length;
  const counts = wanted.map((one) =>
    room >= all ? one : Math.max(1, Math.floor((one * room) / all)),
  );
  // rounding up the small ones may have taken too many
  while (counts[0]! + counts[1]! + counts[2]! > room)
    counts[counts.indexOf(Math.max(...counts))]!--;
  names.forEach((name, i) => {
    if (counts[i]! < wanted[i]!)
      notes.push(
        `${counts[i]} ${name} prompts instead of ${wanted[i]}: there are ${room} that the sweep did not draw`,
      );
  });
  const [search = 0, validation = 0, test = 0] = counts;
  const middle = search + validation;
  return {
    search: groups(fresh.slice(0, search), sizes.search, firstSeeds.search),
    validation: groups(
      fresh.slice(search, middle),
      sizes.validation,
      firstSeeds.validation,
    ),
    testPool: fresh.slice(middle),
    testSize: { prompts: test, seeds: sizes.test.seeds },
    notes,
  };
}

/**
 * Draws the test.
 *
 * @param digest SHA-256 of the plan and a salt, as hexadecimal digits
 */
export function drawTest(
  { testPool, testSize }: Pick<Splits, "testPool" | "testSize">,
  digest: string,
): DrawGroups {
  const order = parseInt(digest.slice(0, 8), 16);
  // far from the seeds of the other splits, and from those that people choose
  const first = 2 ** 30 + parseInt(digest.slice(8, 15), 16);
  const texts =
    testPool && shuffled(testPool, order).slice(0, testSize.prompts);
  return drawGroups(texts, testSize, first);
}

function drawGroups(
  texts: readonly string[] | null,
  { prompts, seeds }: SplitSize,
  first: number,
): DrawGroups {
  const count = texts ? seeds : prompts * seeds;
  const own = Array.from({ length: count }, (_, i) => first + i);
  if (!texts) return [own.map((seed) => ({ seed }))];
  return texts.map((prompt) => own.map((seed) => ({ prompt, seed })));
}

/** In an order that a seed decides (Fisher and Yates). */
export function shuffled<T>(values: readonly T[], seed: number): T[] {
  const random = seededRandom(seed);
  const order = [...values];
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
