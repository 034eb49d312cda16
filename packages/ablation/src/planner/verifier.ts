// Runs drafts on the search split, each once, within a budget of picture evaluations.

import { mean } from "@phaseskip/metrics";
import type { Draft, Grid } from "./draft.js";
import { describeChange, draftKey, draftPlan } from "./draft.js";
import type { PlanRunner, VerifiedPlan } from "./plan-runner.js";
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

/** Runs drafts, each once. */
export class Verifier {
  readonly #options: VerifierOptions;
  readonly #points = new Map<string, Point>();
  readonly #costs = new Map<string, number | undefined>();
  #limit: number;
  #evaluations = 0;

  constructor(options: VerifierOptions) {
    this.#options = options;
    this.#limit = options.evaluations;
    const full: Point = { draft: [], cost: 1, ssim: 1 };
    this.#points.set(draftKey([]), full);
    this.#costs.set(draftKey([]), 1);
  }

  /** What the sweep says. */
  get predictor(): Predictor {
    return this.#options.predictor;
  }

  /** The sampler's grid. */
  get grid(): Grid {
    return this.#options.grid;
  }

  /** The full model: no change. */
  get full(): Point {
    return this.#points.get(draftKey([]))!;
  }

  /** All drafts that were run, in order. */
  get points(): readonly Point[] {
    return [...this.#points.values()];
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

  /** Whether a draft was run. */
  isKnown(draft: Draft): boolean {
    return this.#points.has(draftKey(draft));
  }

  /** A draft's cost, counted on its own live graphs; undefined where the model refuses it. */
  async cost(draft: Draft): Promise<number | undefined> {
    const key = draftKey(draft);
    if (!this.#costs.has(key)) {
      const plan = draftPlan(draft, this.#options.grid, "candidate");
      const contestant = { name: "candidate", plan };
      this.#costs.set(key, await this.#options.runner.cost(contestant));
    }
    return this.#costs.get(key);
  }

  /**
   * Runs a draft.
   * @param step what was changed last, for the record
   */
  async verify(draft: Draft, step: string): Promise<Point> {
    const key = draftKey(draft);
    const known = this.#points.get(key);
    if (known) return known;
    const { runner, predictor, grid, onVerified } = this.#options;
    const plan = draftPlan(draft, grid, "candidate");
    const measured = await runner.measure({ name: step, plan }, "search");
    this.#evaluations += runner.count("search");
    const ssim = mean(measured.ssim.flat());
    const point: Point = { draft, cost: measured.cost, ssim };
    this.#points.set(key, point);
    await onVerified?.({
      step,
      cost: point.cost,
      predictedLoss: predictor.jointLoss(draft),
      measuredLoss: 1 - ssim,
      changes: draft.map(describeChange),
    });
    return point;
  }
}
