// Pairs of a prompt and a seed whose picture becomes another one under the least change there is: one block, kept for one
// step. They do so under any plan, say nothing of one, and must not decide a choice: they are counted apart.

import type { Change, Grid } from "./draft.js";
import { draftPlan } from "./draft.js";
import type {
  Contestant,
  PlanRunner,
  Quality,
  SplitName,
} from "./plan-runner.js";
import type { Predictor } from "./predictor.js";
import { otherPicture } from "./standing.js";

/** A pair, by the indices of its prompt and of its seed in a split. */
export interface FragilePair {
  /** Which prompt. */
  readonly prompt: number;
  /** Which of its seeds. */
  readonly seed: number;
}

/** Where the least change takes hold: before, there is nothing to keep. */
const firstStep = 1;

/**
 * The least change: the dearest part that a sweep kept, kept for one step near the start.
 * @returns undefined where the sweep kept none
 */
export function leastChange(predictor: Predictor): Change | undefined {
  const kept = predictor
    .changes()
    .filter((one) => one.kind === "unit" && one.action === "reuse")
    .sort((a, b) => predictor.saved(b) - predictor.saved(a));
  const [dearest] = kept;
  if (dearest?.kind !== "unit") return undefined;
  const rules = dearest.rules.map((rule) =>
    "refresh" in rule ? { ...rule, refresh: { every: 2 } } : rule,
  );
  return { ...dearest, rules, every: 2, firstStep, endStep: firstStep + 2 };
}

/** A runner whose measurements leave out fragile pairs that a plan made other pictures of; the test keeps them. */
export class SteadyRunner implements PlanRunner {
  readonly #runner: PlanRunner;
  readonly #least: Contestant | undefined;
  readonly #fragile = new Map<SplitName, Promise<readonly FragilePair[]>>();
  #evaluations = 0;

  /** @param least what makes other pictures of fragile pairs; without it no pair is one */
  constructor(runner: PlanRunner, grid: Grid, least: Change | undefined) {
    this.#runner = runner;
    this.#least = least && {
      name: "the least change",
      plan: draftPlan([least], grid, "least"),
    };
  }

  /** Pictures drawn to find out which pairs are fragile; none before a plan has made another picture of one. */
  get evaluations(): number {
    return this.#evaluations;
  }

  /** The fragile pairs of a split; none where nobody had to ask. */
  async fragile(split: SplitName): Promise<readonly FragilePair[]> {
    return (await this.#fragile.get(split)) ?? [];
  }

  count(split: SplitName): number {
    return this.#runner.count(split);
  }

  cost(contestant: Contestant): Promise<number | undefined> {
    return this.#runner.cost(contestant);
  }

  identity(contestant: Contestant): Promise<string> {
    return this.#runner.identity(contestant);
  }

  async measure(contestant: Contestant, split: SplitName): Promise<Quality> {
    const quality = await this.#runner.measure(contestant, split);
    if (split === "test" || flipped(quality).length === 0) return quality;
    const known = this.#fragile.get(split) ?? this.#find(split);
    this.#fragile.set(split, known);
    return leftOut(quality, await known);
  }

  async #find(split: SplitName): Promise<readonly FragilePair[]> {
    if (!this.#least) return [];
    this.#evaluations += this.#runner.count(split);
    return flipped(await this.#runner.measure(this.#least, split));
  }
}

/** Pairs whose picture became another one. */
function flipped({ ssim }: Quality): FragilePair[] {
  return ssim.flatMap((group, prompt) =>
    group.flatMap((one, seed) =>
      one < otherPicture ? [{ prompt, seed }] : [],
    ),
  );
}

/** Without the fragile pairs that became other pictures here; as it is where no pair would be left. */
function leftOut(quality: Quality, fragile: readonly FragilePair[]): Quality {
  const ssim = quality.ssim
    .map((group, prompt) =>
      group.filter(
        (one, seed) =>
          one >= otherPicture ||
          !fragile.some((pair) => pair.prompt === prompt && pair.seed === seed),
      ),
    )
    .filter((group) => group.length > 0);
  return ssim.length > 0 ? { ...quality, ssim } : quality;
}
