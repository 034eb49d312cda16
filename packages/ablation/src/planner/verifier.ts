// Runs drafts on the search split within a budget of picture evaluations, and of those that come to the same one alone:
// a bound moved by a step, or a part inside one that is kept anyway, often changes nothing.

import { mean } from "@phaseskip/metrics";
import type { Draft, Grid } from "./draft.js";
import { describeChange, draftPlan } from "./draft.js";
import type { Contestant, PlanRunner, VerifiedPlan } from "./plan-runner.js";
import type { Predictor } from "./predictor.js";

/** A draft that was run. */
export interface Point {
  /** Its changes. */
  readonly draft: Draft;
  /** Multiply-accumulates over the full model's. */
  readonly cost: number;
  /** Mean SSIM to the full model on the search split. */
  readonly ssim: number;
}

/** What a verifier needs. */
export interface VerifierOptions {
  readonly runner: PlanRunner;
  readonly predictor: Predictor;
  readonly grid: Grid;
  /** Pictures that may be drawn. */
  readonly evaluations: number;
  /** Told of every draft that was run. */
  readonly onVerified?: (verified: VerifiedPlan) => Promise<void>;
  /** Whether the time is over. @default never */
  readonly isOver?: () => boolean;
}

/** Runs drafts, each computation once. */
export class Verifier {
  readonly #options: VerifierOptions;
  /** The full model: no change. */
  readonly full: Point = { draft: [], cost: 1, ssim: 1 };
  /** What was run, by what it computes. */
  readonly #points = new Map<string, Point>();
  #limit: number;
  #evaluations = 0;

  constructor(options: VerifierOptions) {
    this.#options = options;
    this.#limit = options.evaluations;
  }

  /** What the sweep says. */
  get predictor(): Predictor {
    return this.#options.predictor;
  }

  /** The sampler's grid. */
  get grid(): Grid {
    return this.#options.grid;
  }

  /** The full model, and all drafts that were run, in order. */
  get points(): readonly Point[] {
    return [this.full, ...this.#points.values()];
  }

  /** Pictures drawn so far. */
  get evaluations(): number {
    return this.#evaluations;
  }

  /** Whether another draft may be run. */
  get hasLeft(): boolean {
    const { runner, isOver } = this.#options;
    const next = this.#evaluations + runner.count("search");
    return next <= this.#limit && isOver?.() !== true;
  }

  /** Allows this many pictures in all from here on. */
  allow(evaluations: number): void {
    this.#limit = Math.min(this.#options.evaluations, evaluations);
  }

  /** Whether a draft was run, or one that comes to the same. */
  async isKnown(draft: Draft): Promise<boolean> {
    return (await this.#known(draft)) !== undefined;
  }

  /** A draft's cost, counted on its own live graphs; undefined where the model refuses it. */
  async cost(draft: Draft): Promise<number | undefined> {
    return draft.length === 0
      ? this.full.cost
      : this.#options.runner.cost(this.#contestant(draft));
  }

  /**
   * Runs a draft.
   * @param step what was changed last, for the record
   */
  async verify(draft: Draft, step: string): Promise<Point> {
    const known = await this.#known(draft);
    if (known) return { ...known, draft };
    const { runner, predictor, onVerified } = this.#options;
    const contestant = { ...this.#contestant(draft), name: step };
    const measured = await runner.measure(contestant, "search");
    this.#evaluations += runner.count("search");
    const ssim = mean(measured.ssim.flat());
    const point: Point = { draft, cost: measured.cost, ssim };
    this.#points.set(await this.#identity(draft), point);
    await onVerified?.({
      step,
      cost: point.cost,
      predictedLoss: predictor.jointLoss(draft),
      measuredLoss: 1 - ssim,
      changes: draft.map(describeChange),
    });
    return point;
  }

  async #known(draft: Draft): Promise<Point | undefined> {
    const identity = await this.#identity(draft);
    return identity === (await this.#identity([]))
      ? this.full
      : this.#points.get(identity);
  }

  #identity(draft: Draft): Promise<string> {
    return this.#options.runner.identity(this.#contestant(draft));
  }

  #contestant(draft: Draft): Contestant {
    const plan = draftPlan(draft, this.#options.grid, "candidate");
    return { name: "candidate", plan };
  }
}
